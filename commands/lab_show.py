"""One lab: where it is, who works in it, on what."""

from bot.command import Context, Reply, command
from bot.converters import Name
from bot.domain.roles import Role
from bot.rendering import template
from commands._lab_meant import lab_meant

_LAB = template(
    "<p><strong>{{ lab.name }}</strong><br/>{{ lab.state|state }} · <code>{{ lab.key }}</code></p><ul>"
    "{% if lab.municipalities %}<li>{% trans %}Kommunen:{% endtrans %} {{ lab.municipalities|join(', ') }}</li>{% endif %}"
    "{% if lab.partners %}<li>{% trans %}Partner:{% endtrans %} {{ lab.partners|join(', ', 'name') }}</li>{% endif %}"
    "{% if lab.topics %}<li>{% trans %}Themen:{% endtrans %} {{ lab.topics|join(', ') }}</li>{% endif %}</ul>"
)


@command("labor", "lab", needs=Role.MEMBER, examples=["bremen"])
async def lab_show(ctx: Context, name: Name) -> Reply:
    """Zeigt ein Labor: Kommunen, Partner, Themen."""
    return Reply(_LAB, {"lab": await lab_meant(ctx, name)})
