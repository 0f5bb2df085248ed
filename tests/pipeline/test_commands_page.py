import re
from pathlib import Path

from pipeline.cli.app import COMMANDS
from pipeline.cli.commands_page import commands_page, escaped

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


def test_the_page_of_commands_is_the_one_that_the_commands_make():
    assert PAGE.read_text() == commands_page(), (
        "run: python -m pipeline.cli.commands_page > docs/reference/commands.md"
    )


def test_every_command_has_a_section():
    sections = re.findall(r"^## foveamask (\S+)$", PAGE.read_text(), re.MULTILINE)

    assert sections == [command.__name__.replace("_", "-") for command in COMMANDS]


def test_names_in_angle_brackets_are_shown():
    assert escaped("writes <stem>.png, `<stem>` here") == "writes &lt;stem>.png, `<stem>` here"
