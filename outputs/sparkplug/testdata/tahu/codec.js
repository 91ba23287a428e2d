// Decodes and encodes Sparkplug B payloads, a line each: "d HEX" is answered by JSON, "e JSON" by HEX, and what cannot
// be done by "error: WHY". 64-bit integers are texts, so that no digit is lost.
const readline = require("node:readline");
const codec = require("sparkplug-payload").get("spBv1.0");

const plain = (key, value) =>
  value !== null && typeof value === "object" && typeof value.low === "number" && typeof value.high === "number"
    ? value.toString()
    : value;

const answer = (line) => {
  const what = line.slice(2);
  return line[0] === "d"
    ? JSON.stringify(codec.decodePayload(Buffer.from(what, "hex")), plain)
    : Buffer.from(codec.encodePayload(JSON.parse(what))).toString("hex");
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let said;
  try {
    said = answer(line);
  } catch (err) {
    said = "error: " + err.message.replaceAll("\n", " ");
  }
  process.stdout.write(said + "\n");
});
