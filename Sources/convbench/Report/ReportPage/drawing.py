"""matplotlib, and its drawings as parts of a page."""

import io
import logging
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import matplotlib.backends.backend_svg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

# The page's own font has no glyphs to be found here.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

SETTINGS = {
    # Text stays text: small, and found by a search in the page.
    "svg.fonttype": "none",
    "svg.hashsalt": "convbench",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "xtick.color": "#444444",
    "ytick.color": "#222222",
    # A name may have a dollar.
    "text.parse_math": False,
}

ENGINE = ["#1f5fa8", "#7fb0e3", "#0b8a7a", "#8fd0c6", "#5b4a9c", "#b9aee0"]
DIRECT = "#a8a8a8"
PEER = "#e08a1e"
PEERS = "#7a4a08"
ROOF = "#333333"
BOUND = "#c2352b"

WIDTH = 12  # inches; of the page, too, by the style sheet


def is_too_old():
    return "text.parse_math" not in matplotlib.rcParams


def engine_color(place):
    return ENGINE[place % len(ENGINE)]


def clipped(text, length):
    """A text of no more letters than a drawing has room for."""
    return text if len(text) <= length else text[:length - 1] + "…"


def readable(value):
    """About three digits, and no more zeros than needed."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.1e}"


def exponent(value, digits=0):
    return f"{value:.{digits}e}"


def plain_logarithms(axis, format=readable):
    """Numbers on a logarithmic axis without mathematical notation.

    Its limits must be set: a short one gets more of them.
    """
    low, high = axis.get_view_interval()
    if high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: format(value)))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))


def figure(height):
    """A figure as wide as the page; call within `style()`."""
    return Figure(figsize=(WIDTH, height))


def style():
    return matplotlib.rc_context(SETTINGS)


def svg(drawn, slug, title, tooltips):
    """The figure as an <svg> element for a page.

    Of the ids matplotlib gives, those stay that something refers to, under
    names that no other drawing has; groups that were named keep their names.
    `tooltips` has texts for these.
    """
    buffer = io.BytesIO()
    matplotlib.backends.backend_svg.FigureCanvasSVG(drawn).print_svg(
        buffer, metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    text = buffer.getvalue().decode()
    referred = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("metadata", "style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        attributes = {}
        for key, value in element.attrib.items():
            key = key.rpartition("}")[2]
            if key == "id" and value in referred:
                value = f"{slug}-{value}"
            elif key == "id" and not is_named(value):
                continue
            elif key == "href":
                value = f"#{slug}-{value[1:]}"
            elif "url(#" in value:
                value = value.replace("url(#", f"url(#{slug}-")
            attributes[key] = value
        element.attrib.clear()
        element.attrib.update(attributes)
        if words := tooltips.get(element.get("id")):
            tip = ElementTree.Element("title")
            tip.text = words
            element.insert(0, tip)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    heading = ElementTree.Element("title", id=f"{slug}-title")
    heading.text = title
    root.insert(0, heading)
    root.set("role", "img")
    root.set("aria-labelledby", f"{slug}-title")
    return ElementTree.tostring(root, encoding="unicode")


def is_named(name):
    """Whether a group is named by this program: its parts have a hyphen."""
    return "-" in name
