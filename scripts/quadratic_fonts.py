"""Makes the bundled Inter of its OpenType files: the same letters with quadratic outlines, which Qt paints far faster.

Qt blends the letters of a font with cubic outlines (.otf) with gamma, 64 bits at a time: on Linux they cost more than
three times what others do, and that was half of a frame's painting. Nothing else of the font changes: metrics, features
and characters are those of the source. Run by hand, with fontTools in some environment, when the font is updated:

    python scripts/quadratic_fonts.py FOLDER-OF-OTF-FILES resources/fonts
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

# How far an outline may be from its source, of 2,816 units to the em: at 14 px, a hundredth of a pixel.
MOST_ERROR = 2.0
GREY_AND_SMOOTH = 0x000A  # of the table 'gasp': what Windows does at all sizes


def convert(source: Path, target: Path) -> None:
    """Write the font of `source` to `target`. The same source gives the same bytes."""
    font = TTFont(source, recalcTimestamp=False)
    order, drawn = font.getGlyphOrder(), font.getGlyphSet()
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(drawn)
        drawn[name].draw(Cu2QuPen(pen, MOST_ERROR, reverse_direction=True))
        glyphs[name] = pen.glyph()
    del font["CFF "]
    font["loca"] = newTable("loca")
    outlines = font["glyf"] = newTable("glyf")
    outlines.glyphOrder, outlines.glyphs = order, glyphs
    outlines.compile(font)  # finds the boxes of the letters
    for name in order:
        font["hmtx"][name] = (font["hmtx"][name][0], getattr(outlines[name], "xMin", 0))
    most = font["maxp"]
    most.tableVersion, most.maxZones = 0x00010000, 1
    for field in ("TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements"):
        setattr(most, f"max{field}", 0)
    most.maxSizeOfInstructions = most.maxComponentElements = 0
    font["post"].formatType = 2.0
    font["post"].extraNames, font["post"].mapping, font["post"].glyphOrder = [], {}, order
    font["gasp"] = newTable("gasp")
    font["gasp"].version, font["gasp"].gaspRange = 1, {0xFFFF: GREY_AND_SMOOTH}
    font.sfntVersion = "\x00\x01\x00\x00"
    font.save(target)


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    for file in sorted(source.glob("*.otf")):
        convert(file, target / f"{file.stem}.ttf")


if __name__ == "__main__":
    main()
