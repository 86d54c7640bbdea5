"""Puts faults of one Swift file behind switches: the body of each function that
has some is there once a fault, and once as it was."""

import re

# What may stand before the keyword of a declaration.
MODIFIERS = (
    r"(?:@\w+(?:\([^)]*\))?\s+|(?:public|package|internal|private|fileprivate|"
    r"static|final|override|convenience|required|mutating|nonmutating|"
    r"nonisolated)(?:\(\w+\))?\s+)*")
FUNCTION = re.compile(
    rf"(?:^|\n)\s*{MODIFIERS}(?:func\s+\S|init[?!]?\s*[<(]|deinit\s*$)")
PROPERTY = re.compile(rf"(?:^|\n)\s*{MODIFIERS}var\s+\w+\s*:[^=]*$")
SUBSCRIPT = re.compile(rf"(?:^|\n)\s*{MODIFIERS}subscript\s*[<(][^=]*$")
ACCESSOR = re.compile(r"(?:^|\n)\s*(?:mutating\s+|nonmutating\s+)?(?:get|set)\s*$")


def switched(text, planted):
    """The file with all the faults in it, none of them on.

    planted: the text with each fault alone, by its number. Returns the text
    and the numbers of the faults that stand in no function's body."""
    bodies = function_bodies(text)
    wanted = {}
    apart = []
    for number, other in planted.items():
        start, end = changed_range(text, other)
        around = [body for body in bodies if body[0] <= start <= end <= body[1]]
        if around:
            wanted[number] = max(around)
        else:
            apart.append(number)
    # A body inside another that has faults too is part of that one.
    places = {}
    for number, body in wanted.items():
        outer = min(
            other for other in wanted.values()
            if other[0] <= body[0] and body[1] <= other[1])
        places.setdefault(outer, []).append(number)
    result = text
    for start, end in sorted(places, reverse=True):
        parts = []
        for number in places[start, end]:
            other = planted[number]
            body = other[start:end + len(other) - len(text)]
            parts.append(f"if isPlanted({number}) {{{body}\n}} else ")
        result = (
            result[:start] + " " + "".join(parts) + "{" + text[start:end]
            + "}\n" + result[end:])
    return result, apart


def changed_range(text, other):
    """Where a text differs from another: from, to."""
    least = min(len(text), len(other))
    start = 0
    while start < least and text[start] == other[start]:
        start += 1
    rest = 0
    while rest < least - start and text[-1 - rest] == other[-1 - rest]:
        rest += 1
    return start, len(text) - rest


def function_bodies(text):
    """From and to of the text between the braces of each function."""
    code = without_literals(text)
    bodies = []
    open_braces = []
    last = 0
    for match in re.finditer(r"[{}]", code):
        place = match.start()
        if code[place] == "}":
            start, is_function = open_braces.pop()
            if is_function:
                bodies.append((start, place))
        else:
            header = code[last:place].rstrip()
            accessors = re.match(
                r"\s*(?:mutating\s+|nonmutating\s+)?(?:get|set|willSet|didSet)"
                r"\b\s*[{}]", code[place + 1:])
            open_braces.append((
                place + 1, not accessors and is_declaration(header)))
        last = place + 1
    return bodies


def is_declaration(header):
    return any(
        kind.search(header)
        for kind in [PROPERTY, SUBSCRIPT, ACCESSOR]) or any(
            is_signature(header[match.end():])
            for match in FUNCTION.finditer(header))


def is_signature(text):
    """Whether nothing but parameters, effects and types are left."""
    return not re.search(
        r"\n\s*(?:let|var|if|guard|for|while|switch|return|try|do)\b", text)


def without_literals(text):
    """The text, as long as it was, with blanks for comments and strings."""
    out = list(text)

    def blank(start, end):
        for place in range(start, end):
            if out[place] != "\n":
                out[place] = " "

    def string(place):
        """The end of the string that begins here."""
        quote = '"""' if text.startswith('"""', place) else '"'
        start, place = place, place + len(quote)
        while not text.startswith(quote, place):
            if text.startswith("\\(", place):
                place, depth = place + 2, 1
                while depth:
                    if text[place] == '"':
                        place = string(place)
                        continue
                    depth += {"(": 1, ")": -1}.get(text[place], 0)
                    place += 1
            else:
                place += 2 if text[place] == "\\" else 1
        place += len(quote)
        blank(start, place)
        return place

    place = 0
    while place < len(text):
        if text.startswith("//", place):
            end = text.find("\n", place)
            end = len(text) if end < 0 else end
            blank(place, end)
            place = end
        elif text.startswith("/*", place):
            end = text.index("*/", place) + 2
            blank(place, end)
            place = end
        elif text[place] == '"':
            place = string(place)
        else:
            place += 1
    return "".join(out)
