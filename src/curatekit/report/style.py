"""What the report adds to the style sheet of the pages."""

from __future__ import annotations

from curatekit.plot.markup import Markup
from curatekit.plot.style import sheet

REPORT = Markup(
    sheet(
        """
.curate main { max-width: 64rem; }
.curate a { color: $s0; }
.curate nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: .6rem 0; border-bottom: 1px solid $grid; position: sticky; top: 0; background: $surface; z-index: 1; }
.curate section { scroll-margin-top: 3.5rem; }
.curate section h2 { font-size: 1.3rem; margin: 2.5rem 0 .25rem; }
.curate h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.curate h4 { font-size: .95rem; margin: 0 0 .3rem; font-weight: 600; overflow-wrap: anywhere; }
.curate h4 small { font-weight: 400; color: $muted; }
.curate code { font-size: .85em; overflow-wrap: anywhere; }
.curate .skip { position: absolute; left: -100rem; }
.curate .skip:focus { position: static; }
.curate dl.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.curate dl.tiles div { background: $raised; border-radius: .5rem; padding: .7rem .9rem; display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.curate dl.tiles dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.curate dl.tiles dt { color: $muted; font-size: .85rem; }
.curate .warning { border-left: 4px solid $s1; background: $raised; padding: .6rem .9rem; max-width: none; }
.curate article { border: 1px solid $grid; border-radius: .5rem; padding: .7rem .9rem; margin: .6rem 0; }
.curate article .text { max-width: none; margin: .3rem 0; }
.curate article ul { margin: .4rem 0 0; padding-left: 1.1rem; font-size: .85rem; color: $muted; overflow-wrap: anywhere; }
.curate .given { text-decoration: underline 2px; text-decoration-color: $s1; }
.curate .suggested { text-decoration: underline 2px; text-decoration-color: $s0; }
.curate td:last-child { padding-right: 0; }
.curate .matrix caption { white-space: nowrap; }
.curate .matrix td, .curate .matrix th { padding: .3rem .6rem; }
.curate th button { all: unset; cursor: pointer; font-weight: 600; text-decoration: underline dotted; text-underline-offset: 3px; }
.curate th button:focus-visible, .curate .tools button:focus-visible { outline: 2px solid $s0; outline-offset: 2px; }
.curate .tools { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .75rem 0 .25rem; font-size: .85rem; }
.curate .tools input, .curate .tools button { font: inherit; color: $ink; background: $surface; border: 1px solid $axis; border-radius: .35rem; padding: .25rem .6rem; }
.curate .tools button[aria-pressed=false] { text-decoration: line-through; color: $muted; }
.curate .window { overflow: hidden; touch-action: none; }
.curate .point { cursor: default; }
.curate .issue { stroke: $ink; stroke-width: 1.5px; }
.curate .gone { display: none; }
@media print { .curate nav, .curate .tools, .curate .skip { display: none; } .curate article { break-inside: avoid; } .curate h3 { break-after: avoid; } }
"""
    )
)
