"""Sections for what no service claims by itself: the home menu, the fallback, statuses and other changes."""

from typing import Annotated

from pydantic import Field

from webhookcore.settings.spec.base import LabelOrEmpty, Section, Shape, Words

Text = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"\S"), Shape("not blank")]
Button = Annotated[str, Field(min_length=1, max_length=20, pattern=r"\S"), Shape("not blank")]


class Home(Section):
    """The home menu: WhatsApp's interactive list of the routes that have a menu entry."""

    keywords: Words = Field(
        default=("hi", "hello", "hey", "hola", "bonjour", "menu", "home", "exit", "start", "help", "?"),
        description="Words that, as the whole text, leave the active service and show the home menu.",
    )
    text: Text = Field(default="Welcome! Which service do you need?", description="The text above the menu.")
    button: Button = Field(default="Choose a service", description="The button that opens the menu.")
    route: LabelOrEmpty = Field(
        default="", description="A route that shows the home menu itself; empty: sent through the Graph API."
    )


class Statuses(Section):
    """Where delivery statuses go."""

    route: LabelOrEmpty = Field(
        default="", description="The route of delivery statuses; empty: counted, not delivered."
    )


class Others(Section):
    """Where changes go that are neither messages nor statuses."""

    route: LabelOrEmpty = Field(
        default="", description="The route of all other changes; empty: counted, not delivered."
    )
