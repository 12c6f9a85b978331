// A gRPC-Web client as browsers run it: Connect for the web, over fetch.
// Arguments: URL, token, file of the descriptor set. Fails by an exception.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

const [baseUrl, token, file] = process.argv.slice(2);
const descriptors = fromBinary(FileDescriptorSetSchema, await readFile(file));
const registry = createFileRegistry(descriptors);
const service = registry.getService("resido.housing.v1.HousingService");
const errorInfo = registry.getMessage("google.rpc.ErrorInfo");
const headers = { authorization: `Bearer ${token}` };

const transport = createGrpcWebTransport({ baseUrl });
const housing = createClient(service, transport);
const created = await housing.createProperty({ property: { displayName: "Hus Øst" } }, { headers });
assert.equal(created.displayName, "Hus Øst");
const listed = await housing.listProperties({ pageSize: 100 }, { headers });
assert.ok(listed.properties.some((property) => property.name === created.name));
await assert.rejects(housing.listProperties({}), (error) => {
  assert.ok(error instanceof ConnectError);
  assert.equal(error.code, Code.Unauthenticated);
  const [info] = error.findDetails(errorInfo);
  assert.equal(info.reason, "CREDENTIAL_REQUIRED");
  assert.equal(info.domain, "resido");
  return true;
});
await assert.rejects(housing.getProperty({ name: "x" }, { headers }), (error) => {
  assert.equal(error.code, Code.InvalidArgument);
  assert.equal(error.findDetails(errorInfo)[0].reason, "REQUEST_INVALID");
  return true;
});
console.log("the gRPC-Web client is content");
