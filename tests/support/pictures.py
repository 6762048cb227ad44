"""Pictures of what a user sees, compared with those that the tests keep."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Locator

from tests.support.gallery import PICTURES

# The tolerance. Two machines draw the edges of letters differently, so a pixel counts only if one
# of its colours differs by more than this, of 255.
COLOUR = 64
# As many pixels of a thousand may count: fewer than those of another border or another word.
PER_MILLE = 2
COLOURS = 128
# The same letters on every machine, for those have the same widths.
FONTS = """
* { font-family: "Liberation Sans", "DejaVu Sans" !important; }
code, pre, code *, pre * { font-family: "Liberation Mono", "DejaVu Sans Mono" !important; }
"""
# What another moment or another run would show: a time, an age, an ID, an address.
SETTLE = r"""root => {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (["STYLE", "SCRIPT"].includes(text.parentElement?.tagName)) continue;
    const settled = text.data
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g,
        "12345678-1234-4234-8234-123456789abc")
      .replace(/\b[0-9a-f]{8}\b/g, "12345678")
      .replace(/\b\d\d\d\d-\d\d-\d\d\b/g, "2026-10-01")
      .replace(/\b\d\d:\d\d:\d\d\b/g, "18:02:11").replace(/\b\d\d:\d\d\b/g, "18:02")
      .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:8642")
      .replace(/just now|\b\d+ (s|min|h) ago/g, "3 s ago")
      .replace(/\b\d+([.]\d+)? (s|min|h)\b/g, "3 s");
    if (settled !== text.data) text.data = settled;
  }
  for (const field of root.querySelectorAll("input")) {
    // What stands in a field is the user's, so it stays; an ID is only hidden.
    if (/^[0-9a-f-]{36}$/.test(field.value)) field.style.setProperty("color", "transparent");
  }
}"""


def settle(element: Locator) -> None:
    """Let the element show what every run shows; what it shows later is not changed."""
    element.page.add_style_tag(content=FONTS)
    element.evaluate(SETTLE)


def taken(element: Locator) -> bytes:
    """Take a picture, with animations at their end and without a caret."""
    return element.screenshot(animations="disabled", caret="hide", scale="css")


def difference(name: str, picture: bytes, *, renew: bool, folder: Path) -> str:
    """Return how a picture differs from the kept one; empty if it is the same within tolerance.

    With `renew`, it becomes the kept one. A picture that differs goes into `folder`, beside a
    picture of the pixels that count.
    """
    now, kept = Image.open(BytesIO(picture)).convert("RGB"), PICTURES / f"{name}.png"
    if renew:
        PICTURES.mkdir(exist_ok=True)
        # Few colours take little room; what they change is far below the tolerance.
        now.quantize(COLOURS, dither=Image.Dither.NONE).save(kept, optimize=True)
    if not kept.exists():
        return f"{name}: there is no picture yet; --renew-pictures keeps this one"
    before = Image.open(kept).convert("RGB")
    # A line more or less is a difference of rounding.
    if any(abs(one - other) > 1 for one, other in zip(now.size, before.size, strict=True)):
        now.save(folder / f"{name}.png")
        return f"{name}: {now.size} instead of {before.size}, see {folder}"
    common = (0, 0, min(now.width, before.width), min(now.height, before.height))
    changes = ImageChops.difference(now.crop(common), before.crop(common))
    counts = Image.eval(changes, lambda value: 255 if value > COLOUR else 0).convert("L")
    # At its edges, rounding shows what is around it.
    counts = counts.point([0] + [255] * 255).crop((1, 1, counts.width - 1, counts.height - 1))
    share = counts.histogram()[255] / (counts.width * counts.height)
    if share * 1_000 <= PER_MILLE:
        return ""
    now.save(folder / f"{name}.png")
    counts.save(folder / f"{name}-difference.png")
    return f"{name}: {share:.2%} of its pixels differ, see {folder}"


def check_fonts(element: Locator) -> None:
    """Skip the test if this machine does not have the fonts of the pictures."""
    has_fonts = element.evaluate("""() => ["Sans", "Mono"].every(kind => {
      const width = family => Object.assign(document.createElement("canvas").getContext("2d"),
        { font: `40px ${family}` }).measureText("Wide ill i").width;
      return width(`"Liberation ${kind}", serif`) !== width("serif");
    })""")
    if not has_fonts:
        pytest.skip("the pictures need the Liberation fonts (fonts-liberation)")
