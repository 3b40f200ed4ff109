// Compiles the contract into Proofward.json, or with --check compares a fresh compilation with the committed file.
//
// Reproducible: the compiler version is pinned in package.json, no metadata hash is appended to the bytecode, and sources
// enter under names that do not depend on where the repository lies.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const solc = createRequire(import.meta.url)("solc");
const keccak256 = createRequire(import.meta.url)("js-sha3").keccak256;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const ARTEFACT = here("Proofward.json");

const settings = {
  optimizer: { enabled: true, runs: 1000000 },
  viaIR: true,
  evmVersion: "shanghai",
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode"] } },
};

function readSource(name) {
  return readFileSync(here(name.startsWith("@") ? `node_modules/${name}` : name), "utf8");
}

function compile() {
  const input = { language: "Solidity", sources: { "src/Proofward.sol": { content: readSource("src/Proofward.sol") } }, settings };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: (name) => ({ contents: readSource(name) }) }));
  for (const problem of output.errors ?? []) console.error(problem.formattedMessage);
  // A warning fails the build too: the contract cannot be patched once it is deployed.
  if (output.errors?.length) process.exit(1);
  return output.contracts["src/Proofward.sol"].Proofward;
}

function immutablePlaces(contract) {
  // solc names immutables by syntax tree node; the source order of the declarations gives them back their names.
  const names = ["consortium", "threshold"];
  const references = Object.entries(contract.evm.deployedBytecode.immutableReferences).sort(([a], [b]) => Number(a) - Number(b));
  if (references.length !== names.length) throw new Error("build.mjs must name every immutable of the contract");
  return Object.fromEntries(references.map(([, places], i) => [names[i], places.map((place) => place.start)]));
}

function artefact() {
  const contract = compile();
  const runtime = contract.evm.deployedBytecode.object;
  const { outputSelection: _, ...recorded } = settings;
  return (
    JSON.stringify(
      {
        contract: "Proofward",
        compiler: solc.version(),
        settings: recorded,
        abi: contract.abi,
        bytecode: `0x${contract.evm.bytecode.object}`,
        // With zeros in place of the immutables; a deployment has their values at these byte offsets.
        deployedBytecode: `0x${runtime}`,
        deployedBytecodeHash: `0x${keccak256(Buffer.from(runtime, "hex"))}`,
        immutables: immutablePlaces(contract),
      },
      null,
      1,
    ) + "\n"
  );
}

const fresh = artefact();
if (process.argv.includes("--check")) {
  if (fresh !== readFileSync(ARTEFACT, "utf8")) {
    console.error("Proofward.json differs from a fresh compilation: run `npm run build` and commit the result");
    process.exit(1);
  }
  console.log("Proofward.json: reproduced");
} else {
  writeFileSync(ARTEFACT, fresh);
  console.log("Proofward.json: written");
}
