"""Flags override the environment, which overrides the file. A wrong setting is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.home_folder import (
    CHECKOUT_FOLDER,
    TEXT_KEYS,
    find_database_url,
    find_home_folder,
)
from pipeline.config.settings import Settings, expand_variables, load_settings
from pipeline.core.errors import ConfigError


def write(home: Path, text: str) -> None:
    (home / "config" / "nightdesk.toml").write_text(text, encoding="utf8")


def test_without_a_file_the_defaults_are_used(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path / 'var' / 'nightdesk.db'}"
    assert settings.log_folder == tmp_path / "var" / "log"
    assert settings.sites_folder == tmp_path / "config" / "sites"
    assert settings.worker_processes >= 1


def test_flags_override_the_environment_which_overrides_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, "crawls = 2\nworkers = 2\npage_seconds = 2.0\n")
    monkeypatch.setenv("NIGHTDESK_CRAWLS", "3")
    monkeypatch.setenv("NIGHTDESK_WORKERS", "3")
    settings = load_settings(home, crawls=5, workers=None)
    assert (settings.crawls, settings.workers, settings.page_seconds) == (5, 3, 2.0)


@pytest.mark.parametrize(
    ("address", "anchored"),
    [
        ("sqlite:///news.db", "sqlite:///{home}/news.db"),
        ("sqlite:////var/lib/news.db", "sqlite:////var/lib/news.db"),
        ("postgresql://me@host/news", "postgresql://me@host/news"),
    ],
)
def test_a_relative_path_starts_at_the_home_folder(home: Path, address: str, anchored: str) -> None:
    write(home, f'database_url = "{address}"\n')
    assert load_settings(home).database_url == anchored.format(home=home)


def test_the_user_agent_has_the_contact(home: Path) -> None:
    assert load_settings(home).sent_user_agent.endswith("(news archive; +archive@example.org)")
    settings = load_settings(home, contact=" me@example.org ", user_agent="Mine (+{contact})")
    assert settings.sent_user_agent == "Mine (+me@example.org)"


@pytest.mark.parametrize("contact", ["", "   "])
def test_without_a_contact_there_is_no_user_agent(home: Path, contact: str) -> None:
    with pytest.raises(
        ConfigError, match=r"nightdesk.toml: 'contact' is empty; set it \(or NIGHTDESK_CONTACT\)"
    ):
        _ = load_settings(home, contact=contact).sent_user_agent


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("databse_url = 'x'", "unknown key 'databse_url'; did you mean 'database_url'?"),
        ("home = '/x'", "unknown key 'home'"),
        ("crawls = 0", "'crawls': input should be greater than or equal to 1"),
        ("crawls = 'many'", "'crawls': input should be a valid integer"),
        ("crawls = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_sentence_with_its_name(home: Path, text: str, sentence: str) -> None:
    write(home, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(home)
    assert str(home / "config" / "nightdesk.toml") in str(caught.value)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_one_sentence(home: Path) -> None:
    (home / "config" / "nightdesk.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"nightdesk.toml: cannot be read"):
        load_settings(home)


def test_an_unknown_variable_is_named_with_the_nearest_known_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_DATABASE", "sqlite:///x.db")
    with pytest.raises(
        ConfigError,
        match="unknown variable NIGHTDESK_DATABASE; did you mean 'NIGHTDESK_DATABASE_URL'",
    ):
        load_settings(home)


def test_the_home_folder_is_given_by_flag_variable_or_working_folder_or_is_the_checkout(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home_folder() == CHECKOUT_FOLDER
    monkeypatch.chdir(home)
    assert find_home_folder() == home
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    assert find_home_folder() == tmp_path
    assert find_home_folder(home) == home
    with pytest.raises(ConfigError, match="no such folder"):
        find_home_folder(tmp_path / "nowhere")


def test_the_variable_of_the_home_folder_is_known(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(home))
    assert load_settings().home == home


def test_the_settings_of_this_checkout_are_valid() -> None:
    assert isinstance(load_settings(CHECKOUT_FOLDER), Settings)


def test_a_secret_of_a_site_file_comes_from_the_environment_and_is_in_no_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GAZETTE_KEY", "hunter2")
    assert expand_variables({"X-Key": "key ${GAZETTE_KEY}!", "X-Plain": "$5"}, "gazette") == {
        "X-Key": "key hunter2!",
        "X-Plain": "$5",
    }
    with pytest.raises(
        ConfigError, match="gazette: the variable GAZETTE_TOKEN of the environment is not set"
    ):
        expand_variables({"X-Key": "${GAZETTE_TOKEN}"}, "gazette")
    monkeypatch.setenv("GAZETTE_KEY", "hunter2\r\nX-Evil: 1")
    with pytest.raises(ConfigError) as error:
        expand_variables({"X-Key": "${GAZETTE_KEY}"}, "gazette")
    assert "hunter2" not in str(error.value)


def test_the_home_is_the_working_folder_where_there_is_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel brings no checkout: nothing may be written beside the installed packages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.config.home_folder.CHECKOUT_FOLDER", tmp_path / "site-packages")
    assert find_home_folder() == tmp_path


def test_a_variable_holds_a_list_in_json(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_ALERTS", '["mailto://a", "mailto://b"]')
    assert load_settings(home).alerts == ["mailto://a", "mailto://b"]
    monkeypatch.setenv("NIGHTDESK_ALERTS", "mailto://a")
    with pytest.raises(ConfigError, match="NIGHTDESK_ALERTS is not a list in JSON"):
        load_settings(home)


def test_simple_settings_give_the_archive_without_checking_the_others(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("", 'contact = "me@example.org"\n', 'database_url = "sqlite:///news.db"\n'):
        write(home, text)
        assert find_database_url(home, None) == load_settings(home).database_url
    monkeypatch.setenv("nightdesk_database_url", "sqlite:///other.db")
    assert find_database_url(home, None) == load_settings(home).database_url
    flag = "postgresql://me@host/news"
    assert find_database_url(home, flag) == flag


@pytest.mark.parametrize("text", ["crawls = 0\n", "unknown = 1\n", "contact = 1\n", "crawls = 2\n"])
def test_settings_that_may_be_wrong_are_checked(home: Path, text: str) -> None:
    write(home, text)
    assert find_database_url(home, None) is None


def test_a_variable_that_may_be_wrong_is_checked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, "")
    monkeypatch.setenv("NIGHTDESK_CRAWLS", "0")
    assert find_database_url(home, None) is None


def test_the_keys_that_are_not_checked_take_any_text() -> None:
    for key in TEXT_KEYS:
        field = Settings.model_fields[key]
        assert (field.annotation, field.metadata) == (str, [])
