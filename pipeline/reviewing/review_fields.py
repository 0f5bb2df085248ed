"""What can be said in a review: the fields of its forms."""

from pipeline.reviewing.strokes import LABELS, WIDEST
from pipeline.serving.form_fields import FormField

NAME = FormField(
    name="name",
    about="Name of the photo as in the list: with its sub-folder, without its ending.",
    example="red/car_01",
    longest=10_000,
)

STROKE = (
    NAME,
    FormField(name="label", kind="choice", choices=LABELS, about="What is there."),
    FormField(
        name="points",
        example="10,10 40.5,20",
        longest=200_000,
        about="Pairs x,y with spaces between them, in pixels of the photo.",
    ),
    FormField(name="radius", kind="number", least=0, most=WIDEST, about="Half the width, pixels."),
)

OFFSET = (NAME, FormField(name="offset", kind="number", about="Pixels outwards.", default="0"))

STATUS = (
    NAME,
    FormField(
        name="status", kind="choice", choices=("open", "later"), default="later", about="Which."
    ),
)

GROUP = FormField(name="group", about="Name of the group.", longest=10_000)
