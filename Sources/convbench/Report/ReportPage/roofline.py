"""The roofline: rates over operations a byte, beneath what the machine can."""

import math

import drawing
from drawing import readable

# Where a point's number may stand, in points of the drawing: near places first.
PLACES = [
    (x * distance, y * distance) for distance in (8, 14, 21)
    for x, y in [(0, 1), (1, 0), (-1, 0), (0, -1), (.75, .75), (-.75, .75),
                 (.75, -.75), (-.75, -.75)]]

KEY_LINES = 34


def roofline(group, roof):
    """The drawing of a group, or None where there is nothing to draw."""
    gemm, memory = roof or (None, None)
    layers = [layer for layer in group.layers
              if any(row.gflops and row.intensity
                     for row in layer.rows.values())]
    if not gemm or not memory or not layers:
        return None
    tooltips = {}
    with drawing.style():
        figure = drawing.figure(5.4)
        axes = figure.add_axes([0.055, 0.085, 0.70, 0.86])
        axes.set_gid(f"roofline-{group.slug}")
        set_limits(axes, layers, gemm, memory)
        draw_roof(axes, group, gemm, memory)
        points = draw_points(axes, group, layers, tooltips)
        number_points(figure, axes, points)
        draw_key(figure, group, layers)
        axes.legend(loc="lower right")
        return drawing.svg(
            figure, f"roofline-{group.slug}", f"Roofline, {group.title}",
            tooltips)


def set_limits(axes, layers, gemm, memory):
    rows = [row for layer in layers for row in layer.rows.values()
            if row.gflops and row.intensity]
    intensities = [row.intensity for row in rows] + [gemm / memory]
    rates = [rate for row in rows for rate in (row.gflops, row.direct_gflops)
             if rate] + [gemm]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(intensities) / 2, max(intensities) * 2)
    axes.set_ylim(min(rates) / 1.6, max(rates) * 1.8)
    drawing.plain_logarithms(axes.xaxis)
    drawing.plain_logarithms(axes.yaxis)
    axes.grid(True, which="major")
    axes.set_xlabel("operations a byte of operands and result")
    axes.set_title("GFLOP/s, nominal", fontweight="normal", fontsize=8.5)


def draw_roof(axes, group, gemm, memory):
    low, high = axes.get_xlim()
    ridge = gemm / memory
    line, = axes.plot(
        [low, ridge, high], [low * memory, gemm, gemm], color=drawing.ROOF,
        linewidth=1.4, zorder=2)
    line.set_gid(f"roof-{group.slug}")
    axes.fill_between(
        [low, ridge, high], [low * memory, gemm, gemm],
        axes.get_ylim()[0], color="#f5f7fa", zorder=0)
    axes.annotate(
        f"GEMM {readable(gemm)} GFLOP/s", (high, gemm), (-4, 4),
        textcoords="offset points", ha="right", color=drawing.ROOF)
    # Along the slope, from its lower end that is seen.
    start = 1.15 * max(low, axes.get_ylim()[0] / memory)
    (x, y), (right, top) = axes.transData.transform(
        [(start, start * memory), (2 * start, 2 * start * memory)])
    axes.annotate(
        f"memory {readable(memory)} GB/s", (start, start * memory), (-3, 4),
        textcoords="offset points", rotation_mode="anchor",
        rotation=math.degrees(math.atan2(top - y, right - x)),
        color=drawing.ROOF)


def draw_points(axes, group, layers, tooltips):
    """The points of the first variants, by layer; to be numbered."""
    firsts = []
    for layer in layers:
        rows = [(place, layer.rows[variant])
                for place, variant in enumerate(group.variants)
                if variant in layer.rows
                and layer.rows[variant].gflops
                and layer.rows[variant].intensity]
        direct = max(
            (row.direct_gflops for _, row in rows if row.direct_gflops),
            default=None)
        intensity = rows[0][1].intensity
        rates = [row.gflops for _, row in rows]
        if direct:
            axes.plot(
                [intensity] * 2, [direct, max(rates)], color="#d5d5d5",
                linewidth=0.7, zorder=1)
            point, = axes.plot(
                intensity, direct, "o", color=drawing.DIRECT, markersize=4,
                markeredgewidth=0, zorder=3)
            point.set_gid(f"direct-point-{rows[0][1].index}")
            tooltips[point.get_gid()] = (
                f"{layer.title}, direct: {readable(direct)} GFLOP/s")
        for place, row in reversed(rows):
            point, = axes.plot(
                intensity, row.gflops, "o", color=drawing.engine_color(place),
                markersize=6.5 if place == 0 else 4.5, zorder=5 - 0.1 * place,
                markerfacecolor=(
                    drawing.engine_color(place) if place == 0 else "white"))
            point.set_gid(f"point-{row.index}")
            tooltips[point.get_gid()] = (
                f"{layer.number} {layer.title}, "
                f"{group.label(group.variants[place])}: "
                f"{readable(row.gflops)} GFLOP/s, "
                f"{readable(intensity)} operations a byte, {row.algorithm}")
        firsts.append((layer.number, intensity, rates[0], rates + [direct]))
    for place, variant in enumerate(group.variants):
        color = drawing.engine_color(place)
        axes.plot(
            [], [], "o", color=color, label=group.label(variant),
            markersize=6.5 if place == 0 else 4.5,
            markerfacecolor=color if place == 0 else "white")
    axes.plot([], [], "o", color=drawing.DIRECT, markersize=4, label="direct")
    return firsts


def number_points(figure, axes, points):
    """Each layer's number where it covers nothing, if there is such a place."""
    scale = figure.dpi / 72
    taken = []

    def box(x, y, width, height):
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2

    def overlap(one, other):
        width = min(one[2], other[2]) - max(one[0], other[0])
        height = min(one[3], other[3]) - max(one[1], other[1])
        return width * height if width > 0 and height > 0 else 0

    for _, intensity, _, rates in points:
        for rate in filter(None, rates):
            x, y = axes.transData.transform((intensity, rate))
            taken.append(box(x, y, 6 * scale, 6 * scale))
    for number, intensity, rate, _ in points:
        x, y = axes.transData.transform((intensity, rate))
        width = (5.2 * len(str(number)) + 1) * scale
        candidates = [
            (box(x + dx * scale, y + dy * scale, width, 8 * scale), (dx, dy))
            for dx, dy in PLACES]
        best, (dx, dy) = min(
            candidates,
            key=lambda candidate: sum(
                overlap(candidate[0], other) for other in taken))
        taken.append(best)
        is_far = max(abs(dx), abs(dy)) > 10
        axes.annotate(
            str(number), (intensity, rate), (dx, dy),
            textcoords="offset points", ha="center", va="center",
            fontsize=7.5, zorder=6,
            arrowprops={"arrowstyle": "-", "color": "#999999",
                        "linewidth": 0.5, "shrinkA": 3, "shrinkB": 3}
            if is_far else None)


def draw_key(figure, group, layers):
    """The names to the numbers, beside the axes."""
    shown = layers[:2 * KEY_LINES]
    columns = 1 if len(shown) <= KEY_LINES else 2
    length = 30 if columns == 1 else 15
    for place, layer in enumerate(shown):
        column, line = divmod(place, KEY_LINES)
        x = 0.775 + 0.115 * column
        y = 0.935 - 0.0258 * line
        figure.text(x + 0.018, y, str(layer.number), ha="right", fontsize=7.5)
        figure.text(
            x + 0.024, y, drawing.clipped(layer.title, length), fontsize=7.5)
    if len(layers) > len(shown):
        figure.text(0.775, 0.935 - 0.0258 * KEY_LINES,
                    "further numbers are in the table", fontsize=7.5)
