#!/usr/bin/env python3
"""Walk around in a terminal, with nothing but Python's standard library and the package beside this file.

Needs `pip install ./clients/python`, or is run from the repository as it is. A world's players get both as one file: see bundle.py.
"""

import argparse
import getpass
import itertools
import os
import re
import shlex
import shutil
import sys
import textwrap
import time
from pathlib import Path

try:
    import pymmorpg
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
    import pymmorpg
from pymmorpg import maps

EXAMPLE = """\
arrow keys, hjkl or wasd walk, t talks, g takes what lies there, f strikes, e gives what somebody wants, q ends.

  %(prog)s                              the server on this machine; asks for a name and a password
  %(prog)s play.example.org:7777 --name Anna
  %(prog)s --name Anna --password secret --script "right*3 down say:hello look"
  %(prog)s --upgrade FOLDER             fetch the newest client, and end

A script needs no terminal. Its words: left right up down (with *N to repeat), say:TEXT (quote it if it has spaces), take, hit, give, wait:SECONDS
and look, which prints what is in view."""

#: How a tile is drawn when one can walk there and when not, by the name of its tileset.
TILES = {
    "grass": (".", "#"),
    "forestfloor": (",", "#"),
    "sand": (".", "#"),
    "path": (":", "#"),
    "cobbles": (":", "#"),
    "planks": ("=", "="),
    "water": ("~", "~"),
    "plants": ('"', "o"),
    "trees": ("^", "T"),
    "buildings": ("+", "#"),
    "things": ("'", "n"),
}
UNKNOWN_TILE = (".", "#")
OVERHEAD = "^"
WARP = ">"

STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
ACTIONS = {"g": "take", "f": "hit", "e": "give"}
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

#: Columns of the list of those in view, and lines of what was said.
PANEL_COLUMNS, LOG_LINES = 32, 5
#: How near one comes, in tiles, before an NPC speaks up.
HEARING_TILES = 3
#: How near one has to be to take, to strike and to give, in tiles, and how much `hp` a blow takes.
REACH_TILES, BLOW = 2, 3
#: How long one look at the world lasts, in seconds.
LOOK_SECONDS = 0.1


def printable(text):
    """Text of somebody else, without what would move the cursor."""
    return "".join(c if c.isprintable() else "?" for c in str(text))


class Game:
    """What the player sees and does, without a screen."""

    def __init__(self, client):
        self.client = client
        self.log = []
        self.entities = []
        self.me = None
        self._heard = {}
        self.world = maps.World(client, maps.names(client.upgrade()))
        self.look()

    def look(self):
        """Asks what is in view, hears what is said, and does what flags ask for."""
        self.entities = self.client.update()
        name = self.client.character.casefold()
        self.me = next((one for one in self.entities if one["name"].casefold() == name), self.me)
        if "map" in self.client.flags:
            self.client.flags.discard("map")
            self.world.refresh()
            self.note("The map has changed.")
        if "client" in self.client.flags:
            self.client.flags.discard("client")
            self.note("Client %s is out: start again with --upgrade FOLDER to get it." % self.client.ver())
        self._listen()

    def note(self, text):
        """A line for the player to read."""
        self.log.append(printable(text))
        del self.log[:-100]

    def step(self, direction):
        """One tile; whether there was a way."""
        return self.client.move(*STEPS[direction])

    def say(self, text):
        """What everybody in view hears."""
        return self.client.set(self.client.character, "say", text)

    def _in_reach(self, attribute):
        """The nearest of those that the map has put there, who show an attribute. Their names have a #, which those of players never have."""
        near = [one for _, one in self.others() if attribute in one and "#" in one["name"] and self._distance(one) <= REACH_TILES]
        return near[0] if near else None

    def take(self):
        """What lies within reach."""
        one = self._in_reach("item")
        return self._did(one, "You take %s.", one and self.client.set(one["name"], "taken", True))

    def hit(self):
        """Whoever is within reach, players excepted."""
        one = self._in_reach("hp")
        return self._did(one, "You strike %s.", one and self.client.set(one["name"], "hp", (-min(BLOW, one["hp"]),)))

    def give(self):
        """Offers one of what somebody within reach wants: whether it is there is for the world to say."""
        one = self._in_reach("wants")
        return self._did(one, "You give something to %s.", one and self.client.set(one["name"], "offer", 1))

    def _did(self, one, text, is_done):
        if one and is_done:
            self.note(text % title(one))
        return bool(is_done)

    def _listen(self):
        heard = {}
        for one in self.entities:
            if "say" in one:
                heard[one["name"]] = one["say"]
            elif "words" in one and self._distance(one) <= HEARING_TILES:
                heard[one["name"]] = one["words"]
            else:
                continue
            if self._heard.get(one["name"]) != heard[one["name"]]:
                self.note("%s: %s" % (title(one), heard[one["name"]]))
        self._heard = heard

    def _distance(self, one):
        (x, y, z), (my_x, my_y, my_z) = one["pos"], self.me["pos"]
        return max(abs(x - my_x), abs(y - my_y)) if z == my_z else float("inf")

    def others(self):
        """Everybody else in view, the nearest first, each with a letter."""
        others = [one for one in self.entities if one is not self.me]
        others.sort(key=lambda one: (self._distance(one), one["name"]))
        return [(LETTERS[index] if index < len(LETTERS) else "*", one) for index, one in enumerate(others)]

    def tile(self, x, y, z):
        """The character of a tile."""
        found = self.world.at(x, y, z)
        if found is None:
            return " "
        _, ground, x, y = found
        if ground.is_warp(x, y):
            return WARP
        top, is_blocked = ground.top(x, y), ground.is_blocked(x, y)
        if top is None:
            return UNKNOWN_TILE[1] if is_blocked else " "
        layer, tileset = top
        if layer.name == "Over" and not is_blocked:
            return OVERHEAD
        return TILES.get(tileset.name, UNKNOWN_TILE)[is_blocked]

    def picture(self, columns, rows):
        """The ground around the player and everybody on it, as lines of text."""
        my_x, my_y, z = self.me["pos"]
        west, north = int(my_x // 1) - columns // 2, int(my_y // 1) - rows // 2
        lines = [[self.tile(west + x, north + y, z) for x in range(columns)] for y in range(rows)]
        for letter, one in reversed(self.others() + [("@", self.me)]):
            x, y = int(one["pos"][0] // 1) - west, int(one["pos"][1] // 1) - north
            if one["pos"][2] == z and 0 <= x < columns and 0 <= y < rows and lines[y][x] != "@":
                lines[y][x] = letter
        return ["".join(line) for line in lines]

    def panel(self, rows):
        """Who and where one is, and who else is there."""
        x, y, z = self.me["pos"]
        found = self.world.at(int(x // 1), int(y // 1), z)
        lines = ["@ " + title(self.me), "  at %.1f, %.1f in %s" % (x, y, found[0] if found else "nowhere")]
        lines += (["  hp %s" % self.me["hp"]] if "hp" in self.me else []) + [""]
        for letter, one in self.others():
            lines.append("%s %s" % (letter, title(one)))
        return lines[:rows]

    def frame(self, columns, rows):
        """The whole screen as lines: the picture, the panel beside it, and below what was said."""
        map_columns, map_rows = max(columns - PANEL_COLUMNS - 1, 1), max(rows - LOG_LINES - 1, 1)
        panel = self.panel(map_rows)
        panel += [""] * (map_rows - len(panel))
        lines = ["%s %s" % pair for pair in zip(self.picture(map_columns, map_rows), panel)]
        log = [part for text in self.log[-LOG_LINES:] for part in textwrap.wrap(text, columns)][-LOG_LINES:]
        return [line[:columns].rstrip() for line in lines + ["-" * columns] + log + [""] * (LOG_LINES - len(log))]


def title(one):
    """What somebody is called."""
    return printable(one.get("title") or one["name"])


def run_script(game, script, columns, rows):
    """Does one word after the other and prints what came of it; whether all of it worked."""
    is_well = True
    for word in shlex.split(script):
        command, _, text = word.partition(":")
        command, _, count = command.partition("*")
        if command in STEPS:
            done = all([game.step(command) for _ in range(int(count or 1))])
        elif command == "say":
            done = game.say(text)
        elif command in ACTIONS.values():
            game.look()
            done = getattr(game, command)()
        elif command == "wait":
            time.sleep(float(text))
            done = True
        elif command == "look":
            game.look()
            print("\n".join(game.frame(columns, rows)))
            continue
        else:
            raise SystemExit("a script has no word %r; see --help" % word)
        is_well = is_well and done
        print("%s: %s" % (word, done))
    return is_well


def play(game):
    """The game on the whole terminal, until q is pressed."""
    try:
        import curses
    except ImportError:
        raise SystemExit("this Python has no curses (on Windows: pip install windows-curses); --script works without") from None
    keys = {
        "left": (curses.KEY_LEFT, ord("h"), ord("a")),
        "down": (curses.KEY_DOWN, ord("j"), ord("s")),
        "up": (curses.KEY_UP, ord("k"), ord("w")),
        "right": (curses.KEY_RIGHT, ord("l"), ord("d")),
    }
    directions = {key: direction for direction, bound in keys.items() for key in bound}
    curses.wrapper(_loop, game, curses, directions)


def _loop(screen, game, curses, directions):
    screen.timeout(int(LOOK_SECONDS * 1000))
    colours = _colours(curses)
    game.note("Arrow keys, hjkl or wasd walk, t talks, g takes, f strikes, e gives, q ends.")
    while True:
        game.look()
        _draw(screen, game, curses, colours)
        for key, _ in itertools.groupby(_keys(screen)):
            if key == ord("q"):
                return
            if key in directions:
                game.step(directions[key])
            elif 0 < key < 128 and chr(key) in ACTIONS:
                getattr(game, ACTIONS[chr(key)])()
            elif key == ord("t"):
                text = _ask(screen, curses, "say: ")
                if text:
                    game.say(text)


def _keys(screen):
    """The keys pressed since the last look. A held key types faster than anybody walks: groupby makes one of it."""
    keys = [screen.getch()]
    screen.nodelay(True)
    # What comes after a t is no key but what is said.
    while keys[-1] not in (-1, ord("t")):
        keys.append(screen.getch())
    screen.timeout(int(LOOK_SECONDS * 1000))
    return keys


def _colours(curses):
    curses.curs_set(0)
    if not curses.has_colors():
        return {}
    curses.start_color()
    curses.use_default_colors()
    colours = {}
    for pair, (characters, colour) in enumerate(
        [('.,^T"', curses.COLOR_GREEN), ("~", curses.COLOR_BLUE), (":=", curses.COLOR_YELLOW), ("#+", curses.COLOR_RED)], 1
    ):
        curses.init_pair(pair, colour, -1)
        colours.update(dict.fromkeys(characters, curses.color_pair(pair)))
    return colours


def _draw(screen, game, curses, colours):
    rows, columns = screen.getmaxyx()
    screen.erase()
    map_columns, map_rows = max(columns - PANEL_COLUMNS - 1, 1), rows - LOG_LINES - 1
    for y, line in enumerate(game.frame(columns, rows)[:rows]):
        try:
            screen.addstr(y, 0, line)
            if y < map_rows:
                for x, character in enumerate(line[:map_columns]):
                    screen.addstr(y, x, character, colours.get(character, curses.A_BOLD))
        except curses.error:
            pass  # Writing the last cell of the screen moves the cursor off it, which curses calls an error.
    screen.refresh()


def _ask(screen, curses, prompt):
    rows, columns = screen.getmaxyx()
    screen.move(rows - 1, 0)
    screen.clrtoeol()
    screen.addstr(rows - 1, 0, prompt)
    screen.timeout(-1)
    curses.echo()
    curses.curs_set(1)
    try:
        return screen.getstr(rows - 1, len(prompt), max(columns - len(prompt) - 1, 1)).decode("utf-8", "replace")
    finally:
        curses.curs_set(0)
        curses.noecho()
        screen.timeout(int(LOOK_SECONDS * 1000))


def log_in(client, arguments):
    """Logs the character in, and makes it if there is none of that name."""
    name = arguments.name or input("name: ")
    password = arguments.password
    if password is None:
        password = getpass.getpass("password: ")
    if not client.login(name, password) and not client.new(name, password):
        raise SystemExit("%s has another password, or is no name that can be had" % name)


def address(host, port):
    """Host and port of `host`, `port`, `host:port` or `[::1]:port`, or of both; what is not said is the server on this machine."""
    if port is not None:
        return host.strip("[]"), port
    found = re.fullmatch(r"(?P<host>\[[^]]*\]|[^:]*?)(?:(?:^|:)(?P<port>\d+))?", host)
    if not found:
        raise SystemExit("%r is neither HOST, PORT nor HOST:PORT" % host)
    return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"] or 7777)


def main():
    parser = argparse.ArgumentParser(
        description="Walk around in a terminal.", epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("host", nargs="?", default="", help="the server, as HOST or HOST:PORT (127.0.0.1)")
    parser.add_argument("port", nargs="?", type=int, help="its port (7777)")
    parser.add_argument("--name", help="your character; asked for if it is not given")
    parser.add_argument("--password", default=os.environ.get("PYMMORPG_PASSWORD"), help="or PYMMORPG_PASSWORD in the environment; asked for otherwise")
    parser.add_argument("--script", help="what to do, in words, without a terminal")
    parser.add_argument("--upgrade", metavar="FOLDER", help="write the newest client into a folder, and end")
    arguments = parser.parse_args()
    try:
        with pymmorpg.Client(*address(arguments.host, arguments.port)) as client:
            if arguments.upgrade:
                client.upgrade(into=arguments.upgrade)
                print("client %s is in %s" % (client.ver(), arguments.upgrade))
                return
            log_in(client, arguments)
            game = Game(client)
            if arguments.script is None:
                play(game)
            elif not run_script(game, arguments.script, *shutil.get_terminal_size((100, 32))):
                raise SystemExit(1)
    except pymmorpg.Error as error:
        raise SystemExit(printable(error)) from error
    except (KeyboardInterrupt, EOFError):
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
