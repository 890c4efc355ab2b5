// Validates an AsyncAPI document by the parser that the command `asyncapi validate` consists of.
import { readFileSync } from "node:fs";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const [file] = process.argv.slice(2);
const found = await new Parser().validate(readFileSync(file, "utf8"), { source: file });
const wrong = found.filter(({ severity }) => severity <= DiagnosticSeverity.Warning);
for (const { path, message } of wrong) console.log(`${file}: ${path.join(".")}: ${message}`);
console.log(`${file}: ${wrong.length ? "not valid" : "valid"}`);
process.exitCode = wrong.length ? 1 : 0;
