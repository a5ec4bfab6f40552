"""Back and forward as a list of places: what is a jump, what is passed over, and what is gone."""

from __future__ import annotations

from viewer.trail import MOST, Spot, Trail


def spot(session: str, row: str = "r1") -> Spot:
    return Spot(session, (row, 0, False))


def anywhere(_: Spot) -> bool:
    return True


def test_there_and_back_again() -> None:
    trail = Trail()
    for name in "abc":
        trail.leave(spot(name))
    assert trail.back(spot("d"), anywhere) == spot("c")
    assert trail.back(spot("c"), anywhere) == spot("b")
    assert trail.forward(spot("b"), anywhere) == spot("c")
    trail.leave(spot("c", "r9"))
    assert trail.can == (True, False), "a new jump ends the way forward"


def test_only_what_was_read_is_worth_coming_back_to() -> None:
    trail = Trail()
    trail.leave(spot("a"))
    trail.land(spot("a", "hit 1"))
    trail.leave(spot("a", "hit 1"))
    trail.land(spot("a", "hit 2"))
    trail.leave(spot("a", "scrolled to"))
    assert trail.back(spot("b"), anywhere) == spot("a", "scrolled to")
    assert trail.back(spot("a", "scrolled to"), anywhere) == spot("a")
    assert trail.back(spot("a"), anywhere) is None


def test_what_is_gone_is_passed_over_for_good() -> None:
    """Sessions that were deleted, streams that were closed: one press leads to the place before them."""
    trail = Trail()
    for name in ("kept", "deleted", "closed"):
        trail.leave(spot(name))

    def there(place: Spot) -> bool:
        return place.session == "kept"

    assert trail.back(spot("now"), there) == spot("kept")
    assert trail.can == (False, True)
    assert trail.forward(spot("kept"), there) is None, "now is closed as well"
    assert trail.can == (False, False)


def test_it_does_not_grow_for_ever() -> None:
    trail = Trail()
    for number in range(3 * MOST):
        trail.leave(spot(str(number)))
    count = 0
    while trail.back(None, anywhere) is not None:
        count += 1
    assert count == MOST
