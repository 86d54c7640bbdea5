"""Makes a page of what `convbench bench --format json` has measured.

The page needs nothing else: rooflines, bars of every layer against the direct
kernel and, with --peers, against other libraries (`scripts/peers.py --json`),
errors, the table and the environment. Needs matplotlib 3.6 or newer.
"""

import argparse
import sys

# A build makes what lies beside this file a part of convbench.
sys.dont_write_bytecode = True

# Exit status where another Python may do.
UNSUITABLE = 3


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"report: {message}\n")


def parse_arguments():
    parser = Parser(
        prog="report.py", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("results", nargs="?", metavar="RESULTS.json",
        help="what bench has written; - is standard input")
    add("--peers", metavar="FILE", help="what peers.py --json has written")
    add("--output", metavar="FILE.html", default="-",
        help="where to write (default: standard output)")
    add("--check", action="store_true",
        help="only see whether matplotlib and the peers can be used")
    options = parser.parse_args()
    if options.results is None and not options.check:
        parser.error("a file of results is missing")
    return options


def fail(message, status=1):
    print(f"report: {message}", file=sys.stderr)
    sys.exit(status)


def check_python():
    if sys.version_info < (3, 8):
        fail("Python 3.8 or newer is needed", UNSUITABLE)
    try:
        import drawing
    except ImportError as error:
        fail(f"matplotlib is needed: {error}", UNSUITABLE)
    if drawing.is_too_old():
        fail("matplotlib 3.6 or newer is needed", UNSUITABLE)


def main():
    options = parse_arguments()
    check_python()
    import page
    from results import BadFile, Peers, Results
    try:
        peers = Peers.read(options.peers) if options.peers else None
        if options.check:
            return
        text = page.page(Results.read(options.results), peers)
    except BadFile as error:
        fail(error)
    try:
        if options.output == "-":
            sys.stdout.buffer.write(text.encode())
            sys.stdout.buffer.flush()
        else:
            with open(options.output, "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        fail(f"cannot write {options.output}: {error.strerror}")


main()
