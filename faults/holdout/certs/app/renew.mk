# A bundle: key, request, the CA's certificate, chain.
.SECONDARY:

$(WORK)/%.key:
	openssl ecparam -name $(CURVE) -genkey -noout -out $@

$(WORK)/%.csr: $(WORK)/%.key conf/request.cnf
	openssl req -new -config conf/request.cnf -key $< -subj "/O=Example Shops/CN=$*" -addext "subjectAltName=DNS:$*" -out $@

$(WORK)/%.crt: $(WORK)/%.csr
	bin/ask $< $@

$(WORK)/%.bundle: $(WORK)/%.crt conf/chain.pem
	openssl verify -CAfile conf/chain.pem $< > /dev/null
	cat $^ > $@
