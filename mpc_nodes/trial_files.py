"""The texts that `trial` writes: configuration, a policy that denies, and what a real consortium does instead."""

from dataclasses import dataclass
from typing import Final

from protocol.consortium import Consortium
from protocol.statement import ChainAnchor

POLICY: Final = """\
# What this hospital allows. Deny by default: without an [[allow]] block every query is refused.
# A query is allowed if one block allows all of it.
#
# [[allow]]
# buyers = ["acme"]                   # who asks
# purposes = ["research"]             # what for
# datasets = ["survey"]               # about which of this hospital's datasets
# columns = ["sex", "age"]            # which columns may be read; ["*"] for all
# aggregates = ["COUNT", "AVG"]       # aggregates and analyses, by name; MIN and MAX show single values
# publication = ["digest"]            # what may reach the chain: a salted "digest", or the opened "aggregate"

[limits]
minimum_cohort = 10        # a result cell with fewer people behind it is suppressed
minimum_hospitals = 3      # with fewer hospitals in the sum this one does not take part
queries_per_day = 100      # of one buyer, in any 24 hours
"""

_NODE: Final = """\
# The node of {name}. Relative paths are relative to this file.
consortium = "consortium.json"
member = {index}

[keys]
signing = "keys/signing.pem"     # Ed25519: messages and registrations
account = "keys/account.key"     # secp256k1: attestations and chain transactions

[hub]
address = "{hub}"
authority = "tls/authority.pem"
certificate = "tls/node.pem"
key = "tls/node.key"

[chain]
rpc = "{rpc}"
chain_id = {chain_id}
contract = "{contract}"

[storage]
database = "sqlite:///state/node.db"
directory = "state"

[sources]
root = "tables"                  # tables are read below this directory only

[policy]
file = "policy.toml"

[compute]
threads = 1                      # of proofs and their verification; without this line, all cores

[log]
level = "info"
"""

_HUB: Final = """\
# The hub of {name}. Relative paths are relative to this file.
consortium = "../consortium.json"
trust = "../trust.toml"

[relay]                          # the port that nodes dial
listen = "{relay}"
certificate = "tls/hub.pem"
key = "tls/hub.key"
authority = "tls/authority.pem"
revoked = []                     # SHA-256 fingerprints of node certificates that are refused

[http]
listen = "{http}"

[chain]
{chain}
chain_id = {chain_id}
contract = "{contract}"          # where the deployer's first transaction puts it
deployer = "keys/deployer.key"   # {deployer}

[storage]
database = "sqlite:///state/hub.db"
directory = "state"

[log]
level = "info"
"""

_README: Final = """\
A TRIAL consortium of {n} hospitals, threshold {t}: {names}.

All keys of all members were made on this machine, in one directory. Whoever can read it can impersonate every hospital and
read every share. It is for trying Proofward out, with data that need no protection.

  consortium.json   who the members are; public
  trust.toml        what buyers and auditors pin; public
  hub/              the hub: configuration, TLS key, key that deploys the contract
  nodes/<name>/     one hospital each: configuration, policy, keys; tables go into nodes/<name>/tables/

What a real consortium does instead
 1. Each hospital makes its Ed25519 and secp256k1 keys on its own machine, better in a hardware security module, and sends
    only the public key and the account. No secret key ever leaves a hospital.
 2. The members compare all public keys by another channel (a meeting, a call) and write consortium.json together. Its
    digest is {digest}
    for this trial; every member checks it before its node starts.
 3. A certificate authority that the members agree on, kept offline, signs each node's TLS request; the subject alternative
    name is member-<index>.<consortium>.proofward and the purpose is clientAuth. The hub's certificate has serverAuth only.
    This trial's authority key was used once and is not stored: new certificates mean a new trial.
 4. Each hospital writes its own policy.toml. The one here refuses everything.
 5. The contract goes onto a chain that no single member controls. {chain}
"""


@dataclass(frozen=True)
class Texts:
    """The files of one trial. All values are of small alphabets: nothing to escape in TOML."""

    consortium: Consortium
    chain: ChainAnchor
    deployer: str
    hub_host: str
    hub_port: int
    api_port: int
    chain_rpc: str | None

    def node(self, index: int) -> str:
        """`node.toml` of a member."""
        return _NODE.format(
            name=self.consortium.member(index).name,
            index=index,
            hub=f"{_bracketed(self.hub_host)}:{self.hub_port}",
            rpc=self.chain_rpc or f"http://{_bracketed(self.hub_host)}:{self.api_port}/chain/rpc",
            chain_id=self.chain.chain_id,
            contract=self.chain.contract,
        )

    def hub(self) -> str:
        """`hub.toml`."""
        host = _bracketed(self.hub_host)
        return _HUB.format(
            name=self.consortium.name,
            relay=f"{host}:{self.hub_port}",
            http=f"{host}:{self.api_port}",
            chain='embedded = "state/chain.journal"' if self.chain_rpc is None else f'rpc = "{self.chain_rpc}"',
            chain_id=self.chain.chain_id,
            contract=self.chain.contract,
            deployer=self.deployer,
        )

    def readme(self) -> str:
        """`README.txt`."""
        embedded = "This trial's chain is inside the hub, which can rewrite it."
        funding = f"Fund {self.deployer} and every member's account before the hub starts."
        return _README.format(
            n=self.consortium.size,
            t=self.consortium.threshold,
            names=", ".join(member.name for member in self.consortium.members),
            digest=self.consortium.digest,
            chain=embedded if self.chain_rpc is None else funding,
        )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
