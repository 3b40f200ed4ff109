"""The part of `proofward doctor` that looks at a node or a hub: its files, ports, database and chain."""

import email.utils
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

import prover
from attestation.ledger import Ledger
from attestation.trust import load_trust, trust_in
from mpc_nodes import access_log, tls
from mpc_nodes.config import (
    HubChain,
    HubFile,
    NodeChain,
    NodeFile,
    load_account_key,
    load_certificate,
    load_consortium,
    load_hub_config,
    load_node_config,
    load_signing_key,
    load_tls,
)
from mpc_nodes.database import create_engine, reading
from mpc_nodes.policy import load_policy
from proofward.doctor import Check, Finding, Verdict
from protocol.consortium import Consortium
from protocol.errors import Kind, ProofwardError
from protocol.statement import ChainAnchor

_TIMEOUT: Final = 5.0
_SKEW_WARNING: Final = 5.0  # seconds; offers and certificates are judged by the clock
_SKEW_FAILED: Final = 60.0


def deployment(directory: Path) -> list[tuple[str, Check]]:
    """The checks of the `node.toml` and `hub.toml` in `directory`, if they are there."""
    checks: list[tuple[str, Check]] = []
    if (path := directory / "node.toml").exists():
        checks += _node(path)
    if (path := directory / "hub.toml").exists():
        checks += _hub(path)
    return checks


def _node(path: Path) -> list[tuple[str, Check]]:
    try:
        config = load_node_config(path)
        consortium = load_consortium(Path(config.consortium))
    except ProofwardError as error:
        return [("configuration", lambda error=error: _raise(error))]  # type: ignore[misc]
    certificate = Path(config.hub.certificate)
    return [
        ("configuration", lambda: _consortium_found(consortium, consortium.member(config.member).name)),
        ("secrets", lambda: _node_secrets(config, consortium)),
        ("certificate", lambda: _certificate(certificate)),
        ("policy", lambda: _policy(Path(config.policy.file))),
        ("tables", lambda: _readable(Path(config.sources.root))),
        ("database", lambda: _database(config.storage.database)),
        ("log", lambda: _log(config.storage.database)),
        ("hub", lambda: _dial("hub", config.hub.address)),
        ("chain", lambda: _chain(config.chain.rpc, config.chain, consortium)),
        ("clock", lambda: _clock(config.chain.rpc)),
    ]


def _hub(path: Path) -> list[tuple[str, Check]]:
    try:
        config = load_hub_config(path)
        consortium = load_consortium(Path(config.consortium))
    except ProofwardError as error:
        return [("configuration", lambda error=error: _raise(error))]  # type: ignore[misc]
    checks: list[tuple[str, Check]] = [
        ("configuration", lambda: _consortium_found(consortium, "hub")),
        ("trust", lambda: _trust(Path(config.trust), consortium)),
        ("secrets", lambda: _hub_secrets(config)),
        ("certificate", lambda: _certificate(Path(config.relay.certificate))),
        ("database", lambda: _database(config.storage.database)),
        ("relay port", lambda: _port("relay port", config.relay.listen)),
        ("http port", lambda: _port("http port", config.http.listen)),
    ]
    rpc = config.chain.rpc or f"http://{config.http.listen}/v1/chain/rpc"
    checks.append(("chain", lambda: _chain(rpc, config.chain, consortium)))
    return checks


def _raise(error: ProofwardError) -> Finding:
    raise error


def _consortium_found(consortium: Consortium, who: str) -> Finding:
    detail = f"{who} of {consortium.name}: n={consortium.size}, t={consortium.threshold}, digest {consortium.digest}"
    return Finding("configuration", Verdict.OK, detail)


def _node_secrets(config: NodeFile, consortium: Consortium) -> Finding:
    member = consortium.member(config.member)
    load_signing_key(Path(config.keys.signing), member)
    load_account_key(Path(config.keys.account), member.address)
    load_tls(Path(config.hub.certificate), Path(config.hub.key))
    return Finding("secrets", Verdict.OK, "private, and those that the consortium file names")


def _hub_secrets(config: HubFile) -> Finding:
    load_account_key(Path(config.chain.deployer))
    load_tls(Path(config.relay.certificate), Path(config.relay.key))
    return Finding("secrets", Verdict.OK, "private")


def _certificate(path: Path) -> Finding:
    tls.check_validity(load_certificate(path), time.time(), str(path))
    return Finding("certificate", Verdict.OK, f"{path.name} is valid now")


def _policy(path: Path) -> Finding:
    rules = len(load_policy(path).allow)
    if not rules:
        return Finding("policy", Verdict.WARNING, "refuses every query", f"add an [[allow]] block to {path}")
    return Finding("policy", Verdict.OK, f"{rules} rules")


def _readable(path: Path) -> Finding:
    if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        return Finding("tables", Verdict.FAILED, f"{path} is no readable directory", "make it, or correct sources.root")
    return Finding("tables", Verdict.OK, f"{sum(1 for each in path.iterdir() if each.is_file())} files in {path}")


def _database(url: str) -> Finding:
    if _not_there_yet(url):
        return Finding("database", Verdict.OK, "does not exist yet; the first start makes it")
    engine = create_engine(url)
    engine.dispose()
    return Finding("database", Verdict.OK, f"{engine.dialect.name} answers")


def _log(url: str) -> Finding:
    if _not_there_yet(url):
        return Finding("log", Verdict.OK, "empty")
    engine = create_engine(url)
    try:
        with reading(engine) as connection:
            entries = list(access_log.entries(connection))
            head = access_log.head_at(connection, len(entries))
        access_log.verify_log(entries, [head] if head else [])
    finally:
        engine.dispose()
    return Finding("log", Verdict.OK, f"{len(entries)} decisions, chain whole")


def _not_there_yet(url: str) -> bool:
    prefix, _, file = url.partition(":///")
    return prefix.startswith("sqlite") and not Path(file).exists()


def _dial(name: str, address: str) -> Finding:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_TIMEOUT).close()
    except OSError as error:
        return Finding(name, Verdict.UNKNOWN, f"{address}: {error.strerror or error}", "start it, or open the way to it")
    return Finding(name, Verdict.OK, f"{address} accepts connections")


def _port(name: str, listen: str) -> Finding:
    host, _, port = listen.rpartition(":")
    if not 1 <= int(port) <= 65535:
        return Finding(name, Verdict.FAILED, f"{listen} is not a port", "choose one of 1 to 65535")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), int(port)))
        except OSError:
            return Finding(name, Verdict.WARNING, f"{listen} is in use", "fine if the hub is running; else free it")
    return Finding(name, Verdict.OK, f"{listen} is free")


def _trust(path: Path, consortium: Consortium) -> Finding:
    if load_trust(path).consortium != consortium:
        return Finding("trust", Verdict.FAILED, "trust file and consortium file differ", "take both from the same trial")
    return Finding("trust", Verdict.OK, f"{path.name} pins this consortium")


def _chain(rpc: str, chain: NodeChain | HubChain, consortium: Consortium) -> Finding:
    anchor = ChainAnchor(chain_id=chain.chain_id, contract=chain.contract)
    terms = trust_in(consortium, anchor, prover.generator_digest()).terms
    try:
        ledger = Ledger.connect(rpc, chain.chain_id, chain.contract, terms)
    except ProofwardError as error:
        if error.kind is not Kind.UNAVAILABLE:
            raise
        return Finding("chain", Verdict.UNKNOWN, error.message, "start the hub or the chain node, then look again")
    return Finding("chain", Verdict.OK, f"chain {chain.chain_id}, contract {ledger.contract} has the pinned code")


def _clock(url: str) -> Finding:
    """The difference to the clock of the machine that serves the chain, by its Date header."""
    try:
        before = time.time()
        answer = httpx.get(url, timeout=_TIMEOUT, follow_redirects=False)
        middle = (before + time.time()) / 2
        stated = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (httpx.HTTPError, KeyError, ValueError):
        return Finding("clock", Verdict.UNKNOWN, "the chain's server told no time", "compare the clock by hand")
    skew = max(0.0, abs(middle - stated) - 1.0)  # the header has whole seconds
    verdict = Verdict.OK if skew < _SKEW_WARNING else Verdict.WARNING if skew < _SKEW_FAILED else Verdict.FAILED
    advice = "" if verdict is Verdict.OK else "set the clock by NTP; offers expire by it"
    return Finding("clock", verdict, f"differs by about {skew:.0f} s from the chain's server", advice)


__all__: Sequence[str] = ["deployment"]
