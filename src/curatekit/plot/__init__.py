"""Pictures as SVG of our own, for notebooks, for files and for the report: they need no library, no script and no network."""

from curatekit.plot.bars import bars
from curatekit.plot.data_map import data_map
from curatekit.plot.figure import Figure
from curatekit.plot.histogram import histogram
from curatekit.plot.learning_curve import learning_curve
from curatekit.plot.page import Fragment, Page, page, paragraph, section, table
from curatekit.plot.scatter import scatter
from curatekit.plot.tokens import highlighted, token_table

__all__ = [
    "Figure",
    "Fragment",
    "Page",
    "bars",
    "data_map",
    "highlighted",
    "histogram",
    "learning_curve",
    "page",
    "paragraph",
    "scatter",
    "section",
    "table",
    "token_table",
]
