"""The configuration: a TOML file, the environment over it, secrets from files.

Every mistake is reported at once, each with the setting's name, what is wrong and what would be right.
"""

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast, get_origin
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import NetzwartError, Text, text

ENV_PREFIX = "NETZWART_"
_ROOM = re.compile(r"(![^\s:]+(:\S+)?|#[^\s:]+:\S+)")
_USER = re.compile(r"@[^\s:]+:\S+")


class ConfigMistakes(NetzwartError):
    """The configuration cannot be used. `mistakes`: all that is wrong with it, each a sentence that names the setting."""

    def __init__(self, mistakes: list[Text]) -> None:
        super().__init__("; ".join(m.msgid for m in mistakes))
        self.mistakes = mistakes


class _Wrong(ValueError):
    """Raised by a validator; pydantic hands it on in the error's context."""

    def __init__(self, message: Text) -> None:
        super().__init__(message.msgid)
        self.text = message


def _matching(pattern: re.Pattern[str], message: Text) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise _Wrong(message)
        return value

    return AfterValidator(check)


_folder: ContextVar[Path] = ContextVar("folder", default=Path())
"""Where relative paths start: the folder of the file that is being read."""


def _from_folder(value: Path) -> Path:
    return _folder.get() / value


def _with_secret_in_it(value: Path) -> Path:
    try:
        said = value.read_text("utf-8-sig").strip()
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a path that cannot be one
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise _Wrong(text("%(file)s kann nicht gelesen werden: %(reason)s", file=str(value), reason=reason)) from error
    if not said:
        raise _Wrong(text("die Datei %(file)s ist leer", file=str(value)))
    return value


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that are no IPv6 address, a port that is no number
        good = False
    if not good:
        raise _Wrong(text("ist keine Web-Adresse; richtig wäre zum Beispiel https://matrix.example.org"))
    return value.rstrip("/")


def _database_url(value: str) -> str:
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in ("sqlite+aiosqlite", "postgresql+psycopg"):
        raise _Wrong(
            text(
                "ist keine Datenbankadresse, die Netzwart kennt; richtig wäre sqlite+aiosqlite:///netzwart.sqlite oder"
                " postgresql+psycopg://benutzer@rechner/datenbank"
            )
        )
    if url.drivername != "sqlite+aiosqlite":
        return value
    if not url.database or url.database == ":memory:":
        raise _Wrong(text("nennt keine Datei; richtig wäre zum Beispiel sqlite+aiosqlite:///netzwart.sqlite"))
    return url.set(database=str(_folder.get() / url.database)).render_as_string(hide_password=False)


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise _Wrong(text("ist keine Zeitzone; richtig wäre zum Beispiel Europe/Berlin"))
    return value


_MOST_DAYS = 9999


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_DAYS:
        return timedelta(days=value)
    match = re.fullmatch(r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?", value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise _Wrong(text('ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14'))
    weeks, days = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days)


_AGE = re.compile(r"P(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7})S)?)?")


def _age(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    age = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not age:
        raise _Wrong(text('ist keine Dauer; richtig wäre zum Beispiel "P1D", "PT12H" oder "PT90M"'))
    return age


def _day_off(value: object) -> str:
    """Return `12-24`, which is a day of every year, or `2026-05-15`."""
    said = value.isoformat() if isinstance(value, date) else value
    if isinstance(said, str) and re.fullmatch(r"(?:\d{4}-)?\d\d-\d\d", said):
        with suppress(ValueError):
            date.fromisoformat(f"2024-{said}" if len(said) == len("12-24") else said)
            return said
    raise _Wrong(text("ist kein Tag; richtig wäre zum Beispiel »12-24« für jedes Jahr oder »2026-05-15«"))


def _time_of_day(value: object) -> object:
    if isinstance(value, time):
        return value
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if match is None:
        raise _Wrong(text('ist keine Uhrzeit; richtig wäre zum Beispiel "08:00"'))
    return time(int(match[1]), int(match[2]))


def _running_forward(hours: tuple[time, time]) -> tuple[time, time]:
    if hours[0] >= hours[1]:
        raise _Wrong(text("das Ende muss nach dem Anfang liegen"))
    return hours


def _listen(value: str) -> str:
    if not value:
        return value
    host, _, port = value.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:  # noqa: PLR2004  (TCP's highest port)
        raise _Wrong(text("ist keine Adresse mit Port; richtig wäre zum Beispiel 127.0.0.1:8480"))
    return value


Room = Annotated[
    str, _matching(_ROOM, text("ist weder eine Raum-ID (!abc:example.org) noch ein Alias (#koordination:example.org)"))
]
Days = Annotated[timedelta, BeforeValidator(_duration)]
Age = Annotated[timedelta, BeforeValidator(_age)]
DayOff = Annotated[str, BeforeValidator(_day_off)]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
PathFromFolder = Annotated[Path, AfterValidator(_from_folder)]
SecretFile = Annotated[Path, AfterValidator(_from_folder), AfterValidator(_with_secret_in_it)]
Language = Literal["de", "en"]


class _Section(BaseModel):
    """A table of the file. What is wrong with it as a whole is said together with what is wrong with single settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def wrong_as_a_whole(cls, given: dict[str, Any]) -> Iterator[Text]:  # noqa: ARG003  (for sections that have such rules)
        """Yield what the settings as `given` (not checked yet) break of the rules between them."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # An "after" validator would be skipped if a single setting is wrong: its complaint would come only at the next try.
        whole = list(cls.wrong_as_a_whole(cast("dict[str, Any]", given))) if isinstance(given, dict) else []
        lines: list[InitErrorDetails] = []
        try:
            section = handler(given)
        except ValidationError as error:
            lines = [_again(dict(e)) for e in error.errors(include_url=False)]
        else:
            if not whole:
                return section
        lines += [InitErrorDetails(type="value_error", input=given, ctx={"error": _Wrong(message)}) for message in whole]
        raise ValidationError.from_exception_data(cls.__name__, lines, hide_input=True)


def _again(error: dict[str, Any]) -> InitErrorDetails:
    """Return the details that raise `error` once more, with our sentence in it if there is one."""
    told = PydanticCustomError(error["type"], "{said}", {**error.get("ctx", {}), "said": error["msg"]})
    return InitErrorDetails(type=told, loc=error["loc"], input=error["input"])


class MatrixConfig(_Section):
    """How the bot reaches its homeserver, and as whom."""

    homeserver: Annotated[str, AfterValidator(_http_url)]
    user_id: Annotated[str, _matching(_USER, text("ist keine Benutzer-ID; richtig wäre zum Beispiel @netzwart:example.org"))]
    password: SecretStr | None = None
    password_file: SecretFile | None = None
    access_token: SecretStr | None = None
    access_token_file: SecretFile | None = None
    device_id: str | None = None
    state_dir: Annotated[PathFromFolder, Field(validate_default=True)] = Path("state")
    identity_file: PathFromFolder | None = None
    identity_key: SecretStr | None = None
    identity_key_file: PathFromFolder | None = None
    only_signed_devices: bool = False
    prefix: Annotated[str, _matching(re.compile(r"\S{2,32}"), text("muss 2 bis 32 Zeichen ohne Leerzeichen haben"))] = "!netz"

    @classmethod
    def wrong_as_a_whole(cls, given: dict[str, Any]) -> Iterator[Text]:
        """Yield what is wrong with the way in: there must be one, and a token belongs to a device."""
        password = bool(given.get("password") or given.get("password_file"))
        token = bool(given.get("access_token") or given.get("access_token_file"))
        if password == token:
            yield text("braucht genau eines von beiden: password_file oder access_token_file (mit device_id)")
        if token and not given.get("device_id"):
            yield text("braucht device_id, wenn access_token_file gesetzt ist")
        if given.get("identity_file") and given.get("identity_file") == given.get("identity_key_file"):
            yield text("nennt für identity_file und identity_key_file dieselbe Datei")

    @property
    def identity_path(self) -> Path:
        """The file with the identity's seeds. Beside `state_dir` unless set: it outlives the device, and replicas share it."""
        return self.identity_file or self._beside_state(".json")

    @property
    def identity_key_path(self) -> Path:
        """The file with the key to the seeds; it need not be there yet."""
        return self.identity_key_file or self._beside_state(".key")

    def _beside_state(self, suffix: str) -> Path:
        """Return a path that names the account: several bots may keep their state side by side."""
        return self.state_dir.parent / f"identity-{quote(self.user_id[1:].partition(':')[0], safe='')}{suffix}"


class DatabaseConfig(_Section):
    """Where the shared database is."""

    url: Annotated[str, AfterValidator(_database_url), Field(repr=False)]  # from the environment, it may hold a password


class NetworkConfig(_Section):
    """The network and its rooms."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    timezone: Annotated[str, AfterValidator(_timezone)] = "Europe/Berlin"
    language: Language = "de"
    coordination_room: Room
    network_room: Room
    research_room: Room | None = None
    lab_rooms: dict[str, Room] = {}

    @classmethod
    def wrong_as_a_whole(cls, given: dict[str, Any]) -> Iterator[Text]:
        """Yield a line for each room that is named twice: it would give one lab's rights to another."""
        seen: dict[str, str] = {}
        for key, room in _rooms_given(given):
            if room in seen:
                yield text(
                    "nennt den Raum %(room)s zweimal: als %(first)s und als %(second)s", room=room, first=seen[room], second=key
                )
            seen.setdefault(room, key)

    def rooms(self) -> dict[str, str]:
        """Return every configured room: `coordination`, `network`, `research`, `lab:<key>` → room id or alias."""
        named = {"coordination": self.coordination_room, "network": self.network_room, "research": self.research_room}
        return {k: r for k, r in named.items() if r} | {f"lab:{key}": room for key, room in self.lab_rooms.items()}

    @property
    def zone(self) -> ZoneInfo:
        """The network's time zone."""
        return ZoneInfo(self.timezone)


def _rooms_given(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    named = {kind: given.get(f"{kind}_room") for kind in ("coordination", "network", "research")}
    labs: Any = given.get("lab_rooms")
    if isinstance(labs, dict):
        named |= {f"lab:{key}": room for key, room in cast("dict[str, Any]", labs).items()}
    for key, room in named.items():
        if isinstance(room, str) and room:
            yield key, room


class SeriesConfig(_Section):
    """When reminders of one series of reports come; what is not said here is as for all."""

    steps: Annotated[tuple[Days, ...], Field(min_length=1)] | None = None
    overdue_steps: tuple[Days, ...] | None = None
    escalate_after: Days | None = None


class RemindersConfig(_Section):
    """When reminders come."""

    steps: Annotated[tuple[Days, ...], Field(min_length=1)] = tuple(timedelta(days=days) for days in (30, 14, 7, 2, 0))
    overdue_steps: tuple[Days, ...] = tuple(timedelta(days=days) for days in (3, 10, 17))
    escalate_after: Days = timedelta(days=7)
    office_hours: Annotated[tuple[TimeOfDay, TimeOfDay], AfterValidator(_running_forward)] = (time(8), time(18))
    days_off: tuple[DayOff, ...] = ()
    series: dict[str, SeriesConfig] = Field(default_factory=dict[str, SeriesConfig])


class LimitsConfig(_Section):
    """What one person may ask of the bot, and how old a command may be when the bot gets to it."""

    commands_at_once: Annotated[int, Field(ge=1, le=100_000)] = 120
    commands_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    stale_after: Age = timedelta(days=1)


class WebConfig(_Section):
    """The bot's own small web server."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8480"  # empty: nowhere
    public_url: Annotated[str, AfterValidator(_http_url)] | None = None


class LogConfig(_Section):
    """The log: on standard output, one event a line."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Config(BaseSettings):
    """The whole configuration. Immutable; paths are absolute (relative ones are meant from the file's folder)."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        case_sensitive=False,
        hide_input_in_errors=True,
    )

    matrix: MatrixConfig
    database: DatabaseConfig
    network: NetworkConfig
    reminders: RemindersConfig = RemindersConfig()
    limits: LimitsConfig = LimitsConfig()
    web: WebConfig = WebConfig()
    log: LogConfig = LogConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (pydantic-settings' signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment over the file."""
        return env_settings, init_settings


_SECRETS = (("matrix", "password"), ("matrix", "access_token"), ("matrix", "identity_key"))


def load_config(path: Path) -> Config:
    """Read the configuration at `path` and the environment. Raises `ConfigMistakes` with all mistakes at once."""
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigMistakes(
            [text("%(file)s kann nicht gelesen werden: %(reason)s", file=str(path), reason=error.strerror)]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigMistakes([text("%(file)s ist kein gültiges TOML: %(reason)s", file=str(path), reason=str(error))]) from error
    mistakes = _secrets_in_file(data)
    before = _folder.set(path.resolve().parent)
    try:
        config = Config(**data)
    except ValidationError as error:
        mistakes += [_as_text(dict(e)) for e in error.errors(include_url=False, include_input=False)]
        raise ConfigMistakes(mistakes) from error
    except SettingsError as error:
        raise ConfigMistakes([*mistakes, *_no_json_in_environment()]) from error
    finally:
        _folder.reset(before)
    if mistakes:
        raise ConfigMistakes(mistakes)
    return config


def _secrets_in_file(data: dict[str, Any]) -> list[Text]:
    found = [key for key in _SECRETS if key[1] in _section(data, key[0])]
    mistakes = [
        text(
            "%(setting)s: Geheimnisse stehen nicht in dieser Datei; nimm %(setting)s_file oder die Umgebungsvariable %(variable)s",
            setting=f"{section}.{key}",
            variable=_variable(section, key),
        )
        for section, key in found
    ]
    if _holds_password(_section(data, "database").get("url")):
        mistakes.append(
            text(
                "database.url: Geheimnisse stehen nicht in dieser Datei; lass das Passwort weg und nimm PGPASSFILE, oder gib die ganze"
                " Adresse in der Umgebungsvariable %(variable)s",
                variable=_variable("database", "url"),
            )
        )
    return mistakes


def _holds_password(url: object) -> bool:
    try:
        parsed = make_url(url) if isinstance(url, str) else None
    except (ArgumentError, ValueError):
        return False
    return parsed is not None and bool(parsed.password or parsed.query.get("password"))


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    section = data.get(name)
    return cast("dict[str, Any]", section) if isinstance(section, dict) else {}


def _variable(*names: str) -> str:
    return ENV_PREFIX + "__".join(names).upper()


def _no_json_in_environment() -> Iterator[Text]:
    """Yield a line for each variable that stands for a whole section, list or table, and holds no JSON."""
    for section, field in Config.model_fields.items():
        inner = cast("type[BaseModel]", field.annotation).model_fields
        lists = [_variable(section, key) for key, each in inner.items() if get_origin(each.annotation) in (tuple, dict)]
        for name in (_variable(section), *lists):
            try:
                json.loads(os.environ.get(name, "{}"))
            except ValueError:
                yield text("Umgebung: %(variable)s ist kein gültiges JSON", variable=name)


def secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Return a secret from the environment (`value`) or from `file`, stripped of white space at its ends."""
    if value:
        return value.get_secret_value()
    return file.read_text("utf-8-sig").strip() if file is not None else None


def _as_text(error: dict[str, Any]) -> Text:
    setting = ".".join(str(part) for part in error["loc"])
    reason: object = _REASONS.get(error["type"], _plain_reason)(error)
    return text("%(setting)s: %(reason)s", setting=setting, reason=reason)


def _plain_reason(error: dict[str, Any]) -> object:
    cause = error.get("ctx", {}).get("error")
    return cause.text if isinstance(cause, _Wrong) else error["msg"]


def _one_of(error: dict[str, Any]) -> Text:
    return text("erlaubt ist nur %(expected)s", expected=str(error["ctx"]["expected"]).replace(" or ", " / ").replace(", ", " / "))


def _wrong_length(error: dict[str, Any]) -> Text:
    if error["type"].endswith("long"):
        return text("ist zu lang; erlaubt sind höchstens %(most)s", most=error["ctx"]["max_length"])
    return text("darf nicht leer sein")


_NO_TABLE = text("muss eine Tabelle sein")
_NO_LIST = text("muss eine Liste in eckigen Klammern sein")
_NO_TEXT = text("muss ein Text in Anführungszeichen sein")
_NO_BOOLEAN = text("muss true oder false sein")
_NO_NUMBER = text("muss eine ganze Zahl sein")
_REASONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "missing": lambda _: text("fehlt"),
    "extra_forbidden": lambda _: text("diese Einstellung gibt es nicht; siehe config.example.toml"),
    "string_type": lambda _: _NO_TEXT,
    "path_type": lambda _: _NO_TEXT,
    "bool_type": lambda _: _NO_BOOLEAN,
    "bool_parsing": lambda _: _NO_BOOLEAN,
    "int_type": lambda _: _NO_NUMBER,
    "int_parsing": lambda _: _NO_NUMBER,
    "int_from_float": lambda _: _NO_NUMBER,
    "greater_than_equal": lambda error: text("ist zu klein; erlaubt ist %(least)s oder mehr", least=error["ctx"]["ge"]),
    "less_than_equal": lambda error: text("ist zu groß; erlaubt sind höchstens %(most)s", most=error["ctx"]["le"]),
    "literal_error": _one_of,
    "model_type": lambda _: _NO_TABLE,
    "dict_type": lambda _: _NO_TABLE,
    "tuple_type": lambda _: _NO_LIST,
    "string_too_short": _wrong_length,
    "string_too_long": _wrong_length,
    "too_short": _wrong_length,
    "too_long": _wrong_length,
}
