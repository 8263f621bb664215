# Thin targets; what they do is in tools/.
#
#   make run                 a real cluster on this machine (as root, Debian 12)
#   make run COE=kubernetes  the same with Kubernetes instead of a swarm
#   make run DRIVER=fake     a simulated one, anywhere
#   PORT=9600                another port for the API, so that several checkouts run side by side
#   make lab                 OpenStack's control plane on loopback, with the service of this checkout in it
#   LAB_PORT=5100            the first of its ports, 5000 if nothing is said

PORT ?= 9511
DRIVER ?= local
COE ?= swarm
export PORT DRIVER COE LAB_PORT

.PHONY: help run stop clean distclean lab lab-stop lab-clean test test-chaos test-clients test-kubernetes test-openstack \
	test-openstack-full test-openapi-full openapi-examples lint format bench bench-full docs

help:  ## what there is
	@sed -n 's/^\([a-z-]*\):.*## */  make \1\t/p' Makefile

run:  ## set up, start the service, make a cluster with the openstack command
	@tools/run.sh

stop:  ## stop the service and its machines; `make run` brings them back
	@tools/stop.sh

clean:  ## stop, and remove everything that `make run` has made here
	@tools/clean.sh

distclean: clean  ## clean, and remove the virtual environment and the cache that all checkouts share
	@tools/distclean.sh

lab:  ## OpenStack's control plane on loopback, with the service of this checkout in it
	@tools/lab.sh start

lab-stop:  ## end all processes of the lab; `make lab` brings them back
	@tools/lab.sh stop

lab-clean:  ## end them, and remove everything that `make lab` has made here
	@tools/lab.sh clean

test:  ## set up and run all checks and tests
	@tools/test.sh

test-chaos:  ## conductors that die or pause at every point
	@tools/test.sh chaos

test-clients:  ## the clients of several years, against a real Keystone too
	@tools/test.sh clients

test-kubernetes:  ## real clusters of Kubernetes on machines of this host, as root
	@tools/test.sh kubernetes

test-openstack:  ## real Keystone, Heat, Nova, Neutron, Cinder, Octavia, Barbican in a lab of its own
	@tools/test.sh openstack

test-openstack-full:  ## the same with every combination that a cluster's stacks can be of; an hour
	@tools/test.sh openstack-full

test-openapi-full:  ## the API asked by its own document, thoroughly; half an hour
	@tools/test.sh openapi

openapi-examples:  ## record the document's examples anew, after a change of what is answered
	@tools/venv.sh && MAGNUM_RECORD_EXAMPLES=1 .venv/bin/pytest --quiet tests/functional/openapi/test_examples.py

lint:  ## check style, types, layers and scripts
	@tools/lint.sh

format:  ## format the code
	@tools/format.sh

bench:  ## measure; a few minutes
	@tools/bench.sh

bench-full:  ## measure the API for half an hour
	@tools/bench.sh --full

docs:  ## make the reference pages and samples that come from the code, in docs/_build
	@tools/docs.sh
