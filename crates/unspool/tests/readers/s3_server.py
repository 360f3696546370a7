# Serves S3 on a free port of this machine, with one bucket (`lake`) and keys that are checked. Prints one line of JSON:
# port, key, secret. Ends with its standard input.
import json
import logging
import os
import sys

# The calls below; all others need keys.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"
logging.disable(logging.CRITICAL)

import boto3
from flask import request
from moto.iam.access_control import IAMRequestBase
from moto.server import ThreadedMotoServer

# Signatures are made of the address as it was sent, with `%20` for spaces. This version of moto takes the decoded one: a prefix with `/`
# never fits.
as_moto_does = IAMRequestBase._create_aws_request


def as_it_was_sent(self):
    sent = request.environ["REQUEST_URI"].replace("+", "%20")
    # A client that takes this server for a proxy sends the whole URL.
    if sent.startswith("http://"):
        sent = "/" + sent.split("/", 3)[3]
    self._path = sent
    return as_moto_does(self)


IAMRequestBase._create_aws_request = as_it_was_sent

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
given = dict(
    endpoint_url="http://127.0.0.1:%d" % port,
    region_name="us-east-1",
    aws_access_key_id="first",
    aws_secret_access_key="first",
)
iam = boto3.client("iam", **given)
iam.create_user(UserName="unspool")
key = iam.create_access_key(UserName="unspool")["AccessKey"]
allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
iam.put_user_policy(UserName="unspool", PolicyName="all", PolicyDocument=policy)
boto3.client("s3", **given).create_bucket(Bucket="lake")
print(json.dumps({"port": port, "key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
sys.stdin.read()
os._exit(0)
