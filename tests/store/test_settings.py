"""Settings: real files in, real files out; nothing the user wrote is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import settings as st
from store.settings import Settings


def at(tmp_path: Path, text: str | None = None) -> Settings:
    path = tmp_path / "config" / "settings.toml"
    if text is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return Settings(path)


def test_defaults_without_a_file_and_nothing_is_written(tmp_path: Path) -> None:
    """003-24."""
    settings = at(tmp_path)
    assert [settings[setting] for setting in st.DECLARED] == [setting.default for setting in st.DECLARED]
    assert not settings.path.parent.exists()
    assert settings.warnings == []


def test_values_survive_a_restart(tmp_path: Path) -> None:
    settings = at(tmp_path)
    settings[st.ZOOM] = 1.5
    settings[st.ROOTS] = ("/a", "/b c")
    settings[st.FOLLOW] = False
    again = Settings(settings.path)
    assert (again[st.ZOOM], again[st.ROOTS], again[st.FOLLOW]) == (1.5, ("/a", "/b c"), False)


def test_comments_order_and_unknown_keys_are_kept(tmp_path: Path) -> None:
    text = '# mine\n[look]\nzoom = 1.25 # big\nfuture = "x"\n\n[later]\nkey = 1\n'
    settings = at(tmp_path, text)
    assert settings[st.ZOOM] == 1.25
    settings[st.THEME] = "dark"
    written = settings.path.read_text("utf-8")
    assert written == text.replace('future = "x"\n', 'future = "x"\ntheme = "dark"\n')


def test_damaged_file_is_set_aside_and_said(tmp_path: Path) -> None:
    """003-24."""
    settings = at(tmp_path, "[look\nzoom = ")
    assert settings[st.ZOOM] == 1.0
    aside = settings.path.with_name("settings.toml.damaged")
    assert aside.read_text("utf-8") == "[look\nzoom = "
    assert str(aside) in settings.warnings[0]
    settings.path.write_bytes(b"\xff\xfe")
    again = Settings(settings.path)
    assert again.warnings
    assert settings.path.with_name("settings.toml.damaged-2").read_bytes() == b"\xff\xfe"
    assert aside.exists()


@pytest.mark.parametrize(
    ("setting", "value"),
    [(st.ZOOM, 9.0), (st.ZOOM, float("nan")), (st.ZOOM, "1"), (st.ROW_LINES, True), (st.ROW_LINES, 4),
     (st.FOLLOW, 1), (st.THEME, "pink"), (st.ROOTS, "x"), (st.ROOTS, [1])],
)  # fmt: skip
def test_wrong_values_are_refused_whole(tmp_path: Path, setting: st.AnySetting, value: object) -> None:
    settings = at(tmp_path)
    with pytest.raises(ValueError, match=setting.title):
        settings.put({st.ABSOLUTE.name: True, setting.name: value})
    assert settings[st.ABSOLUTE] is False
    assert not settings.path.exists()


def test_wrong_value_in_the_file_is_named_and_ignored(tmp_path: Path) -> None:
    settings = at(tmp_path, '[look]\nzoom = 40\n[timeline]\nfollow = false\nrow_lines = "many"\n')
    assert settings[st.ZOOM] == 1.0
    assert settings[st.FOLLOW] is False
    assert len(settings.warnings) == 2
    assert any("look.zoom" in warning for warning in settings.warnings)


def test_watchers_hear_only_changes(tmp_path: Path) -> None:
    settings = at(tmp_path)
    told: list[str] = []
    settings.watch(lambda setting: told.append(setting.name))
    settings[st.ZOOM] = 1.0
    assert told == []
    settings.put({st.ZOOM.name: 2, st.GROUP.name: True, st.THEME.name: "light"})
    assert told == ["look.zoom", "look.theme"]
    assert settings[st.ZOOM] == 2.0


def test_a_linked_file_stays_a_link_and_no_rest_is_left(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("[look]\nzoom = 2.0\n")
    link = tmp_path / "settings.toml"
    link.symlink_to(real)
    Settings(link)[st.ZOOM] = 1.5
    assert link.is_symlink()
    assert "1.5" in real.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dotfiles.toml", "settings.toml"]


def test_a_disk_that_refuses_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    settings = Settings(tmp_path / "config" / "settings.toml")
    with pytest.raises(OSError, match="config"):
        settings[st.ZOOM] = 2.0
    assert settings[st.ZOOM] == 1.0


def test_every_setting_is_in_the_table() -> None:
    table = st.table()
    assert table.count("\n") == len(st.DECLARED) + 2
    assert all(f"| `{setting.name}` |" in table for setting in st.DECLARED)
    assert len({setting.name for setting in st.DECLARED}) == len(st.DECLARED)
