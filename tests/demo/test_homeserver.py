from pathlib import Path

import pytest

from bot.demo.errors import ProcessFailed, Refused
from bot.demo.homeserver import Homeserver
from bot.demo.people import Person
from bot.demo.reading import event
from bot.demo.together import together


async def test_an_account_is_logged_in(homeserver: Homeserver) -> None:
    karla = await homeserver.register("karla", displayname="Karla")

    async with Person(homeserver.url, karla) as person:
        who = await person.api.request("GET", "/_matrix/client/v3/account/whoami")

    assert (karla.user_id, karla.name) == ("@karla:netz.example", "karla")
    assert (who["user_id"], who["device_id"]) == (karla.user_id, karla.device_id)


async def test_a_name_is_taken_once(homeserver: Homeserver) -> None:
    await homeserver.register("konrad")

    with pytest.raises(Refused) as refused:
        await homeserver.register("konrad")

    assert refused.value.errcode == "M_USER_IN_USE"


async def test_only_an_admin_may_use_the_admin_api(homeserver: Homeserver) -> None:
    admin = Person(homeserver.url, await homeserver.register("wartin", admin=True))
    member = Person(homeserver.url, await homeserver.register("mitglied"))
    path = f"/_synapse/admin/v2/users/{member.user_id}"

    assert (await admin.api.request("GET", path))["admin"] is False
    with pytest.raises(Refused) as refused:
        await member.api.request("GET", path)
    assert refused.value.status == 403

    await admin.api.close()
    await member.api.close()


async def test_a_password_logs_in_on_a_new_device(homeserver: Homeserver) -> None:
    account = await homeserver.register("emre", "geheim")

    again = await Person.login(homeserver.url, "emre", "geheim")

    assert again.user_id == account.user_id
    assert again.account.device_id != account.device_id


async def test_after_a_restart_all_is_as_before(homeserver: Homeserver, anke: Person, bernd: Person, room: str) -> None:
    address = homeserver.url

    await homeserver.restart()
    sent = await anke.say(room, "Da bin ich wieder")

    assert homeserver.url == address
    assert (await bernd.sees(event(sent))).body == "Da bin ich wieder"
    await homeserver.register("nach-dem-neustart")


async def test_overrides_replace_the_configuration(tmp_path: Path) -> None:
    async with Homeserver(tmp_path, overrides={"rc_message": {"per_second": 0.01, "burst_count": 1}}) as slow:
        async with Person(slow.url, await slow.register("anke")) as anke:
            room = await anke.create_room("Labor")
            with pytest.raises(Refused) as refused:
                await together(*(anke.say(room, str(number)) for number in range(5)))

    assert (refused.value.status, refused.value.errcode) == (429, "M_LIMIT_EXCEEDED")


async def test_a_homeserver_that_cannot_start_says_why(tmp_path: Path) -> None:
    homeserver = Homeserver(tmp_path, overrides={"database": {"name": "pappkarton"}})

    with pytest.raises(ProcessFailed) as failed:
        await homeserver.start()

    assert failed.value.line.startswith("Der Homeserver hat sich beendet (Status ")
    assert "pappkarton" in "\n".join(failed.value.log_lines)


async def test_a_homeserver_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    homeserver = Homeserver(tmp_path)

    with pytest.raises(ProcessFailed, match=r"antwortet nach 0\.1 Sekunden nicht"):
        await homeserver.start(ready_within=0.1)

    assert homeserver.pid is None
