"""Bars of the rates and points of the errors, a line a layer."""

import math

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import drawing
from drawing import readable

LANE = 0.085  # inches
GAP = 0.10
NAME = 24  # letters


def layers(group, peers):
    """The drawing of a group's layers: rates at the left, errors right."""
    lanes = len(group.variants) + (2 if peers else 1)
    slot = lanes * LANE + GAP
    # As thick bars as one layer needs to be no taller than its name.
    slot = max(slot, 0.26)
    height = len(group.layers) * slot + 1.15
    tooltips = {}
    with drawing.style():
        figure = drawing.figure(height)
        bottom, span = 0.42 / height, 1 - 1.15 / height
        rates = figure.add_axes([0.17, bottom, 0.48, span])
        errors = figure.add_axes([0.69, bottom, 0.295, span], sharey=rates)
        rates.set_gid(f"bars-{group.slug}")
        errors.set_gid(f"errors-{group.slug}")
        legends = {
            rates: draw_rates(rates, group, peers, lanes, tooltips),
            errors: draw_errors(errors, group, peers, tooltips)}
        for axes in (rates, errors):
            axes.set_ylim(len(group.layers) - 0.5, -0.5)
            axes.tick_params(axis="y", length=0)
            axes.grid(True, axis="x")
            for place in range(1, len(group.layers), 2):
                axes.axhspan(place - 0.5, place + 0.5, color="#f6f7f9",
                             zorder=-2, linewidth=0)
        rates.set_yticks(range(len(group.layers)))
        rates.set_yticklabels(
            # An en space: a page joins others.
            f"{drawing.clipped(layer.title, NAME)}\N{EN SPACE}{layer.number}"
            for layer in group.layers)
        errors.tick_params(axis="y", labelleft=False)
        # The legends stand above the axes, at a distance in inches.
        above = 1 + 0.22 / (span * height)
        for axes, handles in legends.items():
            axes.legend(
                handles=handles, loc="lower left", bbox_to_anchor=(0, above),
                ncol=min(len(handles), 5), borderaxespad=0, handlelength=1.2,
                columnspacing=1, handletextpad=0.4)
        return drawing.svg(
            figure, f"layers-{group.slug}",
            f"Rates and errors by layer, {group.title}", tooltips)


def draw_rates(axes, group, peers, lanes, tooltips):
    axes.set_title("GFLOP/s, nominal; times the direct kernel's rate"
                   + (", and the best peer's" if peers else ""),
                   fontweight="normal", fontsize=8.5)
    fastest = [max(filter(None, (row.gflops, best_peer_rate(peers, row))),
                   default=0) for row in group.rows]
    most = max(fastest, default=0) or 1
    axes.set_xlim(0, most * 1.22)
    lane = 0.82 / lanes

    def y(place, number):
        return place - 0.41 + (number + 0.5) * lane

    def bar(place, number, width, color, name, words):
        patch, = axes.barh(
            y(place, number), width, height=lane * 0.9, color=color)
        patch.set_gid(name)
        tooltips[name] = words

    for place, layer in enumerate(group.layers):
        for number, variant in enumerate(group.variants):
            row = layer.rows.get(variant)
            if row is None:
                continue
            name = f"bar-{row.index}"
            if row.gflops is None:
                text = axes.text(
                    most * 0.005, y(place, number),
                    drawing.clipped(
                        f"{row.status} {row.reason}".strip()
                        if row.status != "ok" else "no rate", 70),
                    va="center", fontsize=6.5,
                    color=drawing.BOUND if row.status == "failed"
                    else "#666666")
                text.set_gid(name)
                continue
            bar(place, number, row.gflops, drawing.engine_color(number), name,
                f"{layer.title}, {group.label(variant)}: "
                f"{readable(row.gflops)} GFLOP/s, {readable(row.minimum)} ms, "
                f"{row.algorithm}")
        row = best_row(layer)
        if row is None:
            continue
        number = len(group.variants)
        times = peers.of(row) if peers else []
        if times:
            draw_peers(axes, row, layer, times, y(place, number), lane,
                       lambda *words: bar(place, number, *words), tooltips)
        if row.direct_gflops:
            bar(place, lanes - 1, row.direct_gflops, drawing.DIRECT,
                f"direct-{row.index}",
                f"{layer.title}, direct: {readable(row.direct_gflops)} "
                f"GFLOP/s, {readable(row.direct_minimum)} ms")
        words = [f"{row.gflops:.3g}"]
        if row.speedup:
            words.append(f"{row.speedup:.3g}x")
        if times:
            words.append(f"{times[0].milliseconds / row.minimum:.2f}x")
        axes.text(
            row.gflops + most * 0.008, y(place, 0), " · ".join(words),
            va="center", fontsize=7.5)
    legend = [
        Patch(color=drawing.engine_color(number), label=group.label(variant))
        for number, variant in enumerate(group.variants)]
    if peers:
        legend += [Patch(color=drawing.PEER, label="best peer"),
                   marker("|", drawing.PEERS, "other peers", markersize=6)]
    return [*legend, Patch(color=drawing.DIRECT, label="direct")]


def draw_peers(axes, row, layer, times, y, lane, bar, tooltips):
    """The best as a bar under its name, the others as marks on it."""
    best, *others = times
    rate = best.gflops(row)
    if not rate:
        return
    bar(rate, drawing.PEER, f"peer-{row.index}",
        f"{layer.title}: " + ", ".join(
            f"{time.name} {readable(time.milliseconds)} ms"
            for time in times))
    marks, = axes.plot(
        [time.gflops(row) for time in others], [y] * len(others), "|",
        color=drawing.PEERS, markersize=lane * 18, markeredgewidth=0.8)
    marks.set_gid(f"peers-{row.index}")
    axes.annotate(
        best.name, (rate, y), (3, 0), textcoords="offset points",
        va="center", fontsize=6.5, color=drawing.PEERS)


def draw_errors(axes, group, peers, tooltips):
    axes.set_xscale("log")
    tolerance = next(
        (row.tolerance for row in group.rows if row.tolerance), None)
    axes.set_title(
        "error against float64" + (
            f"; bound of the largest {drawing.exponent(tolerance, 1)}"
            if tolerance else ""), fontweight="normal", fontsize=8.5)
    seen = [value for row in group.rows
            for value in (row.error, row.largest_error, row.direct_error)
            if value and 0 < value < math.inf]
    low = min(seen, default=1e-9) / 2
    high = max([*seen, tolerance or 0, low * 10]) * 2
    axes.set_xlim(low, high)
    drawing.plain_logarithms(axes.xaxis, drawing.exponent)

    def point(place, value, marker, color, name, words, **options):
        if value is None:
            return
        # What has no logarithm stands at the edge.
        edge, sign = None, marker
        if not value > 0:
            edge, sign = low * 1.05, "<"
        elif not value < math.inf:
            edge, sign = high / 1.05, ">"
        mark, = axes.plot(
            edge or value, place, sign, color=color, clip_on=False, **options)
        mark.set_gid(name)
        tooltips[name] = f"{words}: {value:.1e}"

    for place, layer in enumerate(group.layers):
        best = best_row(layer)
        times = peers.of(best) if peers and best else []
        errors = [time.error for time in times if time.error]
        if errors:
            marks, = axes.plot(
                errors, [place] * len(errors), "|", color=drawing.PEER,
                markersize=5, markeredgewidth=0.8)
            marks.set_gid(f"peer-errors-{best.index}")
        count = len(group.variants)
        for number, variant in enumerate(group.variants):
            row = layer.rows.get(variant)
            if row is None:
                continue
            color = drawing.engine_color(number)
            y = place + 0.16 * (number - (count - 1) / 2)
            words = f"{layer.title}, {group.label(variant)}"
            point(y, row.largest_error, "D", color, f"largest-{row.index}",
                  f"{words}, largest", markersize=3, markerfacecolor="white",
                  markeredgewidth=0.8)
            point(y, row.error, "o", color, f"error-{row.index}", words,
                  markersize=4.5, markeredgewidth=0)
        if best:
            point(place + 0.32, best.direct_error, "o", drawing.DIRECT,
                  f"direct-error-{best.index}", f"{layer.title}, direct",
                  markersize=3.5, markeredgewidth=0)
    legend = [
        marker("o", "#555555", "relative", markersize=4.5),
        marker("D", "#555555", "largest", markersize=3,
               markerfacecolor="white"),
        marker("o", drawing.DIRECT, "direct", markersize=3.5)]
    if peers:
        legend.append(marker("|", drawing.PEER, "peers", markersize=5))
    if tolerance:
        line = axes.axvline(
            tolerance, color=drawing.BOUND, linewidth=1, linestyle=(0, (4, 2)),
            label="bound")
        line.set_gid(f"bound-{group.slug}")
        legend.append(line)
    return legend


def marker(sign, color, label, **options):
    """An entry of a legend."""
    return Line2D([], [], color=color, marker=sign, linestyle="", label=label,
                  **options)


def best_row(layer):
    """The first variant that was timed."""
    return next((row for row in layer.rows.values() if row.gflops), None)


def best_peer_rate(peers, row):
    times = peers.of(row) if peers else []
    return times[0].gflops(row) if times else None
