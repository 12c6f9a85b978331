"""A gRPC client that knows nothing of Resido but its address.

Learns every message by server reflection, works as a tenant's owner, and reads
the details of an error. Arguments: address, token. Fails by an exception.
"""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

address, token = sys.argv[1:]
channel = grpc.insecure_channel(address)
database = ProtoReflectionDescriptorDatabase(channel)
services = database.get_services()
assert "resido.housing.v1.HousingService" in services, services
pool = DescriptorPool(database)
housing = pool.FindServiceByName("resido.housing.v1.HousingService")


def call(path, metadata=(("authorization", f"Bearer {token}"),), /, **fields):
    method = housing.FindMethodByName(path)
    request = GetMessageClass(method.input_type)(**fields)
    stub = channel.unary_unary(
        f"/{housing.full_name}/{path}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    return stub(request, metadata=metadata, timeout=10)


created = call("CreateProperty", property={"display_name": "Haus Süd"})
assert created.display_name == "Haus Süd", created
unit = call("CreateUnit", parent=created.name, unit={"display_name": "1a", "floor": -2})
assert unit.floor == -2, unit
names = [row.name for row in call("ListProperties", page_size=10).properties]
assert created.name in names, names

for code, reason, attempt in [
    ("UNAUTHENTICATED", "CREDENTIAL_REQUIRED", lambda: call("ListProperties", ())),
    ("INVALID_ARGUMENT", "REQUEST_INVALID", lambda: call("GetProperty", name="x")),
]:
    try:
        attempt()
    except grpc.RpcError as error:
        assert error.code().name == code, error
        status = rpc_status.from_call(error)
        info = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info), status
        assert (info.reason, info.domain) == (reason, "resido"), info
    else:
        raise AssertionError(f"{reason} was expected")
print("the gRPC client is content")
