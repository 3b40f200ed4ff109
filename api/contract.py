"""The contract of a consortium: found at its pinned address, or, in a trial, put there.

The address of a contract follows from the deployer's account and its nonce, so a trial's configuration names the contract
before it exists. Whoever deploys, the ledger checks code and members byte for byte.
"""

from attestation import artefact
from attestation.chain_client import ChainClient
from attestation.chain_errors import ChainMismatch
from attestation.ledger import Ledger
from attestation.publish import Publisher
from attestation.transactions import Call
from attestation.trust import Trust


def ensure_contract(client: ChainClient, trust: Trust, deployer: Publisher) -> Ledger:
    """The ledger at the pinned address, deployed first if there is no code.

    Args:
        client: the chain.
        deployer: publishes with the account and from the nonce that the address was computed for, without a ledger.

    Raises:
        ChainMismatch: another contract is there, or the deployment landed elsewhere.
        The errors of `Publisher.submit`.
    """
    if not client.code(trust.chain.contract):
        code = artefact.load().creation_code(trust.terms)
        deployed = client.receipt(deployer.submit("deploy", lambda: Call(None, code)).transaction)
        if deployed is None or deployed.contract != trust.chain.contract:
            raise ChainMismatch(
                "the contract was deployed to another address than the pinned one", where=trust.chain.contract
            )
    return Ledger(client, trust.chain.contract, trust.terms)
