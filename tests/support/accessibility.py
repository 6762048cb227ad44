"""What a page owes to users who see, hear or use it in other ways."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# Whether the border of a button is drawn, and in another colour than what is inside it.
BORDER = """one => {
  const style = getComputedStyle(one);
  return [style.borderTopStyle, style.borderTopColor !== style.backgroundColor
    && parseFloat(style.borderTopWidth) > 0];
}"""


def violations(page: Page, selector: str) -> list[str]:
    """Return what breaks WCAG 2.1 A or AA in these elements; fail if nothing was judged."""
    # If the body has no height, axe silently judges no colours in Lab.
    page.evaluate("document.body.style.height = '100vh'")
    results = (
        Axe()
        .run(
            page,
            context={"include": [[selector]]},
            options={"runOnly": {"type": "tag", "values": RULES}},
        )
        .response
    )
    judged = [rule for rule in results["passes"] if rule["id"] == "color-contrast"]
    assert judged, "no contrast was judged"
    assert judged[0]["nodes"], "no contrast was judged"
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in results["violations"]
        for node in rule["nodes"]
    ]
