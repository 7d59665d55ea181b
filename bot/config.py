"""The configuration: a TOML file, the environment over it, secrets from files.

Every mistake is reported at once, each with the setting's name, what is wrong and what would be right.
"""

import re
import tomllib
from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
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


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _Wrong(text("ist keine Web-Adresse; richtig wäre zum Beispiel https://matrix.example.org"))
    return value.rstrip("/")


def _database_url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in ("sqlite+aiosqlite", "postgresql+psycopg"):
        raise _Wrong(
            text(
                "ist keine Datenbankadresse, die Netzwart kennt; richtig wäre sqlite+aiosqlite:///netzwart.sqlite oder"
                " postgresql+psycopg://benutzer@rechner/datenbank"
            )
        )
    return value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise _Wrong(text("ist keine Zeitzone; richtig wäre zum Beispiel Europe/Berlin"))
    return value


def _duration(value: object) -> object:
    if isinstance(value, bool):
        raise _Wrong(text('ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14'))
    if isinstance(value, int):
        return timedelta(days=value)
    match = re.fullmatch(r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?", value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise _Wrong(text('ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14'))
    weeks, days = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days)


def _time_of_day(value: object) -> object:
    if isinstance(value, time):
        return value
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if match is None:
        raise _Wrong(text('ist keine Uhrzeit; richtig wäre zum Beispiel "08:00"'))
    return time(int(match[1]), int(match[2]))


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004  (TCP's highest port)
        raise _Wrong(text("ist keine Adresse mit Port; richtig wäre zum Beispiel 127.0.0.1:8480"))
    return value


Room = Annotated[
    str, _matching(_ROOM, text("ist weder eine Raum-ID (!abc:example.org) noch ein Alias (#koordination:example.org)"))
]
Days = Annotated[timedelta, BeforeValidator(_duration)]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
Language = Literal["de", "en"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MatrixConfig(_Section):
    """How the bot reaches its homeserver, and as whom."""

    homeserver: Annotated[str, AfterValidator(_http_url)]
    user_id: Annotated[str, _matching(_USER, text("ist keine Benutzer-ID; richtig wäre zum Beispiel @netzwart:example.org"))]
    password: SecretStr | None = None
    password_file: Path | None = None
    access_token: SecretStr | None = None
    access_token_file: Path | None = None
    device_id: str | None = None
    state_dir: Path = Path("state")
    identity_key_file: Path | None = None
    prefix: Annotated[str, _matching(re.compile(r"\S{2,32}"), text("muss 2 bis 32 Zeichen ohne Leerzeichen haben"))] = "!netz"

    @model_validator(mode="after")
    def _one_way_in(self) -> "MatrixConfig":
        password = bool(self.password or self.password_file)
        token = bool(self.access_token or self.access_token_file)
        if password == token:
            raise _Wrong(text("braucht genau eines von beiden: password_file oder access_token_file (mit device_id)"))
        if token and not self.device_id:
            raise _Wrong(text("braucht device_id, wenn access_token_file gesetzt ist"))
        return self


class DatabaseConfig(_Section):
    """Where the shared database is."""

    url: Annotated[str, AfterValidator(_database_url)]


class NetworkConfig(_Section):
    """The network and its rooms."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    timezone: Annotated[str, AfterValidator(_timezone)] = "Europe/Berlin"
    language: Language = "de"
    coordination_room: Room
    network_room: Room
    research_room: Room | None = None
    lab_rooms: dict[str, Room] = {}

    @model_validator(mode="after")
    def _each_room_once(self) -> "NetworkConfig":
        seen: dict[str, str] = {}
        for key, room in self.rooms().items():
            if room in seen:
                raise _Wrong(
                    text(
                        "nennt den Raum %(room)s zweimal: als %(first)s und als %(second)s", room=room, first=seen[room], second=key
                    )
                )
            seen[room] = key
        return self

    def rooms(self) -> dict[str, str]:
        """Return every configured room: `coordination`, `network`, `research`, `lab:<key>` → room id or alias."""
        named = {"coordination": self.coordination_room, "network": self.network_room, "research": self.research_room}
        return {k: r for k, r in named.items() if r} | {f"lab:{key}": room for key, room in self.lab_rooms.items()}

    @property
    def zone(self) -> ZoneInfo:
        """The network's time zone."""
        return ZoneInfo(self.timezone)


class RemindersConfig(_Section):
    """When reminders come."""

    steps: tuple[Days, ...] = tuple(timedelta(days=days) for days in (30, 14, 7, 2, 0))
    overdue_steps: tuple[Days, ...] = tuple(timedelta(days=days) for days in (3, 10, 17))
    office_hours: tuple[TimeOfDay, TimeOfDay] = (time(8), time(18))

    @model_validator(mode="after")
    def _hours_run_forward(self) -> "RemindersConfig":
        if self.office_hours[0] >= self.office_hours[1]:
            raise _Wrong(text("office_hours: das Ende muss nach dem Anfang liegen"))
        return self


class WebConfig(_Section):
    """The bot's own small web server."""

    listen: Annotated[str, AfterValidator(_listen)] | None = None
    public_url: Annotated[str, AfterValidator(_http_url)] | None = None


class LogConfig(_Section):
    """The log: on standard output, one event a line."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Config(BaseSettings):
    """The whole configuration. Immutable; paths are absolute (relative ones are meant from the file's folder)."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    matrix: MatrixConfig
    database: DatabaseConfig
    network: NetworkConfig
    reminders: RemindersConfig = RemindersConfig()
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


_SECRETS = (("matrix", "password"), ("matrix", "access_token"))


def load_config(path: Path) -> Config:
    """Read the configuration at `path` and the environment. Raises `ConfigMistakes` with all mistakes at once."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigMistakes(
            [text("%(file)s kann nicht gelesen werden: %(reason)s", file=str(path), reason=error.strerror)]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigMistakes([text("%(file)s ist kein gültiges TOML: %(reason)s", file=str(path), reason=str(error))]) from error
    mistakes = _secrets_in_file(data)
    _make_absolute(data, path.resolve().parent)
    try:
        config = Config(**data)
    except ValidationError as error:
        mistakes += [_as_text(dict(e)) for e in error.errors(include_url=False, include_input=False)]
        raise ConfigMistakes(mistakes) from error
    except SettingsError as error:  # an environment variable that should be JSON and is not
        raise ConfigMistakes([*mistakes, text("Umgebung: %(reason)s", reason=str(error))]) from error
    mistakes += _unreadable_secrets(config)
    if mistakes:
        raise ConfigMistakes(mistakes)
    return config


def _secrets_in_file(data: dict[str, Any]) -> list[Text]:
    mistakes: list[Text] = []
    for section, key in _SECRETS:
        if isinstance(data.get(section), dict) and key in data[section]:
            del data[section][key]
            mistakes.append(
                text(
                    "%(setting)s: Geheimnisse stehen nicht in dieser Datei; nimm %(setting)s_file oder die Umgebungsvariable %(variable)s",
                    setting=f"{section}.{key}",
                    variable=f"{ENV_PREFIX}{section}__{key}".upper(),
                )
            )
    return mistakes


def _make_absolute(data: dict[str, Any], folder: Path) -> None:
    matrix = _section(data, "matrix")
    if matrix is not None:
        matrix.setdefault("state_dir", "state")
        for key in ("password_file", "access_token_file", "state_dir", "identity_key_file"):
            if isinstance(matrix.get(key), str):
                matrix[key] = str(folder / matrix[key])
    database = _section(data, "database")
    if database is not None and isinstance(database.get("url"), str):
        start, marker, place = str(database["url"]).partition("sqlite+aiosqlite:///")
        if marker and not start and place and place != ":memory:":
            database["url"] = f"{marker}{folder / place}"


def _section(data: dict[str, Any], name: str) -> dict[str, Any] | None:
    section = data.get(name)
    return cast("dict[str, Any]", section) if isinstance(section, dict) else None


def _unreadable_secrets(config: Config) -> list[Text]:
    mistakes: list[Text] = []
    for name in ("password_file", "access_token_file"):
        path: Path | None = getattr(config.matrix, name)
        try:
            if path is not None and not path.read_text("utf-8").strip():
                mistakes.append(text("%(setting)s: die Datei %(file)s ist leer", setting=f"matrix.{name}", file=str(path)))
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(
                text(
                    "%(setting)s: %(file)s kann nicht gelesen werden: %(reason)s",
                    setting=f"matrix.{name}",
                    file=str(path),
                    reason=str(error),
                )
            )
    return mistakes


def secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Return a secret from the environment (`value`) or from `file`, stripped of white space at its ends."""
    if value is not None:
        return value.get_secret_value()
    return file.read_text("utf-8").strip() if file is not None else None


def _as_text(error: dict[str, Any]) -> Text:
    setting = ".".join(str(part) for part in error["loc"])
    reason: object = _REASONS.get(error["type"], _plain_reason)(error)
    return text("%(setting)s: %(reason)s", setting=setting, reason=reason)


def _plain_reason(error: dict[str, Any]) -> object:
    cause = error.get("ctx", {}).get("error")
    return cause.text if isinstance(cause, _Wrong) else error["msg"]


_REASONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "missing": lambda _: text("fehlt"),
    "extra_forbidden": lambda _: text("diese Einstellung gibt es nicht; siehe config.example.toml"),
    "string_type": lambda _: text("muss ein Text in Anführungszeichen sein"),
    "literal_error": lambda e: text("erlaubt ist nur %(expected)s", expected=str(e["ctx"]["expected"]).replace(" or ", " / ")),
}
