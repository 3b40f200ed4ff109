"""A11: a secret that others can read stops the process, new files are private, and no core is dumped."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mpc_nodes.clock import SystemClock
from mpc_nodes.config import load_account_key, load_hub_config, load_node_config, load_tls
from mpc_nodes.database import create_engine
from mpc_nodes.node_main import open_node
from mpc_nodes.transport_errors import ConfigInvalid, DatabaseUnusable, SecretExposed, SecretInvalid
from mpc_nodes.trial import Trial, init_consortium


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return init_consortium(tmp_path / "trial", hospitals=["alpha", "bravo", "charlie"], now=time.time())


def test_nothing_in_a_trial_is_open_to_others(trial: Trial) -> None:
    for path in [trial.directory, *trial.directory.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_trial_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        test_nothing_in_a_trial_is_open_to_others(
            init_consortium(tmp_path / "open", hospitals=["alpha", "bravo", "charlie"], now=time.time())
        )
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666])
@pytest.mark.parametrize("secret", ["keys/signing.pem", "keys/account.key"])
def test_a_node_does_not_start_with_an_exposed_key(trial: Trial, secret: str, mode: int) -> None:
    config = load_node_config(trial.node_config("alpha"))
    (trial.node_config("alpha").parent / secret).chmod(mode)
    with pytest.raises(SecretExposed):
        open_node(config, SystemClock())


def test_exposed_tls_and_deployer_keys_are_refused(trial: Trial) -> None:
    config = load_hub_config(trial.hub_config)
    config.relay.key.chmod(0o644)
    with pytest.raises(SecretExposed):
        load_tls(config.relay.certificate, config.relay.key)
    config.chain.deployer.chmod(0o644)
    with pytest.raises(SecretExposed):
        load_account_key(config.chain.deployer, trial.deployer)


def test_a_configuration_with_a_password_is_a_secret(trial: Trial) -> None:
    path = trial.node_config("alpha")
    text = path.read_text().replace("sqlite:///state/node.db", "postgresql://node:secret@127.0.0.1/node")
    path.write_text(text)
    load_node_config(path)
    path.chmod(0o644)
    with pytest.raises(SecretExposed):
        load_node_config(path)
    path.write_text(trial.node_config("bravo").read_text())
    load_node_config(path)  # without a password it may be read


def test_a_database_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    create_engine(f"sqlite:///{path}").dispose()
    path.chmod(0o644)
    with pytest.raises(DatabaseUnusable, match="accessible to others"):
        create_engine(f"sqlite:///{path}")


@pytest.mark.parametrize("wrong", ["another member's", "not a key", "missing", "another kind"])
def test_a_wrong_key_is_refused(trial: Trial, wrong: str) -> None:
    config = load_node_config(trial.node_config("alpha"))
    others = load_node_config(trial.node_config("bravo"))
    for mine, theirs in ((config.keys.signing, others.keys.signing), (config.keys.account, others.keys.account)):
        kept = mine.read_bytes()
        if wrong == "missing":
            mine.unlink()
        else:
            content = {"another member's": theirs, "another kind": config.hub.key}.get(wrong)
            mine.write_bytes(b"junk" if content is None else content.read_bytes())
        with pytest.raises(SecretInvalid) as error:
            open_node(config, SystemClock())
        assert str(mine) in str(error.value)
        mine.write_bytes(kept)
        mine.chmod(0o600)


def test_messages_about_keys_do_not_contain_them(trial: Trial) -> None:
    config = load_node_config(trial.node_config("alpha"))
    key = config.keys.account.read_text().strip()
    for text in (key.upper(), key + "00", key[:-2], "f" * 64):
        config.keys.account.write_text(text)
        with pytest.raises(SecretInvalid) as error:
            load_account_key(config.keys.account)
        assert text.lower()[:16] not in str(error.value).lower()
    broken = trial.node_config("alpha").read_text().replace("sqlite:///state/node.db", "::hunter2::")
    trial.node_config("alpha").write_text(broken)
    with pytest.raises(ConfigInvalid) as config_error:
        load_node_config(trial.node_config("alpha"))
    assert "hunter2" not in str(config_error.value)


def test_a_process_dumps_no_core_and_makes_private_files(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path; from mpc_nodes import process;"
        "process.prepare('info'); Path(sys.argv[1]).write_text('x');"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "new")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.stdout.strip() == "(0, 0)"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
