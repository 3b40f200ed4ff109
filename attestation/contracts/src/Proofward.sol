// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {OutputCommitment} from "./OutputCommitment.sol";

/// @title What a consortium says in public: which tables were fixed, and which answers were attested.
/// @notice There is no owner, no upgrade and no way to change the consortium: another consortium is another contract.
/// Everything is written once. Only commitments and salted digests reach the chain, and, when the answer is public, the
/// opened cells. Specification: docs/spec/08-chain.md.
contract Proofward {
    /// One epoch of one dataset. It fills one storage slot.
    struct Dataset {
        uint8 member; // index 1..n of the owner; 0 means that the root is unknown
        uint64 epoch;
        uint64 blockNumber; // of the registration
    }

    uint256 private constant MAX_MEMBERS = 64;
    uint256 private constant SIGNATURE_BYTES = 65; // r, s, v

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("Proofward");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant ATTESTATION_TYPE =
        keccak256("Attestation(bytes32 consortium,bytes32 queryId,bytes32 statement,bytes32 roots,bytes32 opening)");

    /// Digest of the consortium document, which names the members and their other keys.
    bytes32 public immutable consortium;
    /// t: up to t members may be corrupt, t+1 signatures make an attestation.
    uint256 public immutable threshold;

    address[] private _members; // in the order of the consortium document: member i of it is _members[i - 1]
    mapping(address member => uint256 index) private _index; // 1..n; 0 for everybody else
    mapping(bytes32 root => Dataset) private _datasets;
    mapping(address member => mapping(bytes32 datasetKey => uint64)) private _lastEpoch;
    mapping(bytes32 queryId => bytes32 statement) private _attestations;

    event DatasetRegistered(address indexed member, bytes32 indexed datasetKey, uint64 epoch, bytes32 indexed root);
    event Attested(bytes32 indexed queryId, bytes32 statement, bool opened);

    error InvalidConsortium();
    error InvalidMember(uint256 index);
    error NotMember(address account);
    error ZeroRoot();
    error RootAlreadyRegistered(bytes32 root);
    error StaleEpoch(uint64 epoch, uint64 last);
    error ZeroStatement();
    error AlreadyAttested(bytes32 queryId);
    error NoRoots();
    error UnknownRoot(bytes32 root);
    error RootsOutOfOrder(uint256 position);
    error WrongCommitmentCount(uint256 commitments, uint256 roots);
    error InvalidSignatureLength(uint256 length);
    error TooFewSignatures(uint256 given, uint256 needed);
    error InvalidSignature(uint256 position);
    error SignersOutOfOrder(uint256 position);
    error SignerNotMember(uint256 position, address signer);

    /// @param accounts The members in the order of the consortium document: distinct, none zero, 2t+1 to 64 of them.
    /// @param t How many members may be corrupt, at least 1.
    /// @param consortiumDigest SHA-256 of the consortium document.
    constructor(address[] memory accounts, uint8 t, bytes32 consortiumDigest) {
        uint256 n = accounts.length;
        if (t == 0 || n < 2 * uint256(t) + 1 || n > MAX_MEMBERS || consortiumDigest == 0) revert InvalidConsortium();
        for (uint256 i = 0; i < n; ++i) {
            address account = accounts[i];
            if (account == address(0) || _index[account] != 0) revert InvalidMember(i);
            _index[account] = i + 1;
        }
        _members = accounts;
        threshold = t;
        consortium = consortiumDigest;
    }

    /// @notice Fixes one epoch of one of the caller's datasets. A query may only use roots that are registered.
    /// @param datasetKey A salted digest of the dataset's name, so that the name cannot be guessed back.
    /// @param epoch Greater than every epoch that the caller has registered under this key.
    /// @param root The dataset root, never registered before.
    function registerDataset(bytes32 datasetKey, uint64 epoch, bytes32 root) external {
        uint256 index = _index[msg.sender];
        if (index == 0) revert NotMember(msg.sender);
        if (root == 0) revert ZeroRoot();
        if (_datasets[root].member != 0) revert RootAlreadyRegistered(root);
        uint64 last = _lastEpoch[msg.sender][datasetKey];
        if (epoch <= last) revert StaleEpoch(epoch, last);
        _lastEpoch[msg.sender][datasetKey] = epoch;
        // index <= 64, and a block number above 2^64 cannot be reached.
        _datasets[root] = Dataset(uint8(index), epoch, uint64(block.number));
        emit DatasetRegistered(msg.sender, datasetKey, epoch, root);
    }

    /// @notice Posts the digest of an attestation, signed by t+1 members. Anybody may post it; the signatures decide.
    /// @param queryId Random name of the query. The first accepted attestation for it is final.
    /// @param statement Digest of the statement, which contains a random nonce that is not on chain.
    /// @param roots Dataset roots of the qualified hospitals, in the order of member indices, one a hospital.
    /// @param signatures 65 bytes (r, s, v) a signer, in increasing order of the signers' addresses.
    function attest(bytes32 queryId, bytes32 statement, bytes32[] calldata roots, bytes calldata signatures) external {
        _attest(queryId, statement, roots, 0, signatures);
        emit Attested(queryId, statement, false);
    }

    /// @notice As `attest`, and checks that the product of the hospitals' output commitments opens to `cells`.
    /// @param commitments C_y of each qualified hospital, in the order of `roots`; affine, (0, 0) is the identity.
    /// @param cells The opened total, each cell modulo r; at most 64.
    /// @param blinding The opened total blinding, modulo r.
    function attestOpened(
        bytes32 queryId,
        bytes32 statement,
        bytes32[] calldata roots,
        uint256[2][] calldata commitments,
        uint256[] calldata cells,
        uint256 blinding,
        bytes calldata signatures
    ) external {
        bytes32 opening = keccak256(abi.encode(commitments, cells, blinding));
        _attest(queryId, statement, roots, opening, signatures);
        if (commitments.length != roots.length) revert WrongCommitmentCount(commitments.length, roots.length);
        OutputCommitment.verify(commitments, cells, blinding);
        emit Attested(queryId, statement, true);
    }

    /// @notice The statement attested for `queryId`, or 0.
    function attestation(bytes32 queryId) external view returns (bytes32 statement) {
        return _attestations[queryId];
    }

    /// @notice Owner, epoch and block of a registered root; all zero if it is unknown.
    function dataset(bytes32 root) external view returns (address member, uint64 epoch, uint64 blockNumber) {
        Dataset memory entry = _datasets[root];
        if (entry.member == 0) return (address(0), 0, 0);
        return (_members[entry.member - 1], entry.epoch, entry.blockNumber);
    }

    /// @notice The last epoch that `member` has registered under `datasetKey`, or 0.
    function lastEpoch(address member, bytes32 datasetKey) external view returns (uint64) {
        return _lastEpoch[member][datasetKey];
    }

    function isMember(address account) external view returns (bool) {
        return _index[account] != 0;
    }

    /// @notice The members in the order of the consortium document.
    function members() external view returns (address[] memory) {
        return _members;
    }

    function _attest(
        bytes32 queryId,
        bytes32 statement,
        bytes32[] calldata roots,
        bytes32 opening,
        bytes calldata signatures
    ) private {
        if (statement == 0) revert ZeroStatement();
        if (_attestations[queryId] != 0) revert AlreadyAttested(queryId);
        _requireRegistered(roots);
        bytes32 rootsDigest = keccak256(abi.encodePacked(roots));
        bytes32 structHash =
            keccak256(abi.encode(ATTESTATION_TYPE, consortium, queryId, statement, rootsDigest, opening));
        _requireSignatures(keccak256(abi.encodePacked(hex"1901", _domainSeparator(), structHash)), signatures);
        _attestations[queryId] = statement;
    }

    function _requireRegistered(bytes32[] calldata roots) private view {
        if (roots.length == 0) revert NoRoots();
        // Increasing owners make them distinct: a hospital counts once, and the loop ends after at most 64 roots.
        uint256 previous = 0;
        for (uint256 i = 0; i < roots.length; ++i) {
            uint256 owner = _datasets[roots[i]].member;
            if (owner == 0) revert UnknownRoot(roots[i]);
            if (owner <= previous) revert RootsOutOfOrder(i);
            previous = owner;
        }
    }

    function _requireSignatures(bytes32 digest, bytes calldata signatures) private view {
        if (signatures.length % SIGNATURE_BYTES != 0) revert InvalidSignatureLength(signatures.length);
        uint256 count = signatures.length / SIGNATURE_BYTES;
        if (count <= threshold) revert TooFewSignatures(count, threshold + 1);
        // Increasing addresses make the signers distinct and exclude the zero address.
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata signature = signatures[i * SIGNATURE_BYTES:(i + 1) * SIGNATURE_BYTES];
            (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
            if (problem != ECDSA.RecoverError.NoError) revert InvalidSignature(i);
            if (signer <= previous) revert SignersOutOfOrder(i);
            if (_index[signer] == 0) revert SignerNotMember(i, signer);
            previous = signer;
        }
    }

    /// Computed in each call rather than cached: after a fork of the chain, signatures of one branch are void on the other.
    function _domainSeparator() private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, NAME, VERSION, block.chainid, address(this)));
    }
}
