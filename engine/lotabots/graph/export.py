"""A picture as text: Mermaid for pages that draw it, DOT for graphviz, SVG that stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.graph.picture import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.graph.picture import Node, Picture, Spot

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 158, 34, 70, 30, 20
COLORS: Final = {
    "infrastructure": "#2f6f9f",
    "development": "#3b7d4f",
    "operations": "#9a6a1f",
    "data": "#6b4fa0",
    "security": "#a03d4f",
}
_OTHER: Final = "#50565e"


def mermaid(drawn: Picture) -> str:
    """A Mermaid flowchart; the events stand on the arrows."""
    ids = {node.name: f"n{number}" for number, node in enumerate(drawn.nodes)}
    lines = ["flowchart LR"]
    for node in drawn.nodes:
        left, right = {"bot": ("[", "]"), "gate": ("{{", "}}")}.get(node.kind, ("([", "])"))
        lines.append(f'  {ids[node.name]}{left}"{node.name}"{right}')
    for arrow in drawn.arrows:
        label = f'|"{"<br>".join(arrow.via)}"|' if arrow.via else ""
        lines.append(f"  {ids[arrow.source]} -->{label} {ids[arrow.target]}")
    return "\n".join(lines) + "\n"


def dot(drawn: Picture) -> str:
    """A graph for graphviz."""
    shapes = {"bot": "box", "gate": "hexagon", "outside": "oval"}
    lines = [f'digraph "{drawn.title}" {{', "  rankdir=LR;"]
    lines += [f'  "{node.name}" [shape={shapes[node.kind]}];' for node in drawn.nodes]
    lines += [
        f'  "{arrow.source}" -> "{arrow.target}" [label="{", ".join(arrow.via)}"];'
        for arrow in drawn.arrows
    ]
    return "\n".join([*lines, "}"]) + "\n"


def svg(drawn: Picture) -> str:
    """A drawing without fonts, scripts or addresses of its own; events show on hovering."""
    spots = layout(drawn)
    tallest = _tallest(spots)
    layers = max((spot.layer for spot in spots.values()), default=0) + 1
    width = 2 * MARGIN + layers * WIDTH + (layers - 1) * GAP_X
    height = 2 * MARGIN + tallest * (HEIGHT + GAP_Y) - GAP_Y
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'font-family="system-ui, sans-serif" font-size="13" role="img">'
        ),
        f"<title>{drawn.title}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#8a939c"/>'
            "</marker></defs>"
        ),
        *_arrows(drawn, spots, tallest),
        *(_node(node, *_corner(spots, node.name, tallest)) for node in drawn.nodes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _tallest(spots: dict[str, Spot]) -> int:
    counts: dict[int, int] = {}
    for spot in spots.values():
        counts[spot.layer] = counts.get(spot.layer, 0) + 1
    return max(counts.values(), default=1)


def _corner(spots: dict[str, Spot], name: str, tallest: int) -> tuple[int, int]:
    """The upper left corner of a node; layers are centred."""
    spot = spots[name]
    count = sum(other.layer == spot.layer for other in spots.values())
    above = (tallest - count) * (HEIGHT + GAP_Y) // 2
    return (
        MARGIN + spot.layer * (WIDTH + GAP_X),
        MARGIN + above + spot.place * (HEIGHT + GAP_Y),
    )


def _arrows(drawn: Picture, spots: dict[str, Spot], tallest: int) -> Iterator[str]:
    for arrow in drawn.arrows:
        x1, y1 = _corner(spots, arrow.source, tallest)
        x2, y2 = _corner(spots, arrow.target, tallest)
        forward = x2 > x1
        start, end = (x1 + WIDTH, x2) if forward else (x1, x2 + WIDTH)
        bend = max(40, abs(end - start) // 2) * (1 if forward else -1)
        top, bottom = y1 + HEIGHT // 2, y2 + HEIGHT // 2
        style = "" if forward else ' stroke-dasharray="4 3"'
        yield (
            f'<path d="M{start} {top}C{start + bend} {top} {end - bend} {bottom} {end} {bottom}" '
            f'fill="none" stroke="#8a939c" stroke-width="1.2" marker-end="url(#tip)"{style}>'
            f"<title>{arrow.source} to {arrow.target}: {', '.join(arrow.via) or 'any event'}"
            "</title></path>"
        )


def _node(node: Node, x: int, y: int) -> str:
    color = COLORS.get(node.group, _OTHER)
    text = f'<text x="{x + WIDTH // 2}" y="{y + HEIGHT // 2 + 5}" text-anchor="middle" '
    box = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
    if node.kind == "bot":
        return f'{box}rx="6" fill="{color}"/>{text}fill="#ffffff">{node.name}</text>'
    if node.kind == "gate":
        name = node.name.removeprefix("gate.")
        return f'{box}rx="17" fill="#fff7d6" stroke="#b89b2e"/>{text}fill="#4d430f">{name}</text>'
    return (
        f'{box}rx="6" fill="#f3f4f6" stroke="#8a939c" stroke-dasharray="3 2"/>'
        f'{text}fill="#333a42">{node.name}</text>'
    )
