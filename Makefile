.DEFAULT_GOAL := help
.PHONY: help demo test cloud bench clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

demo: ## watch an unknown device come in, and a stranger stay out, on this machine
	cargo build --package jitr
	python3 infra/local/cloud.py run -- infra/local/demo.sh

test: ## run every check and test
	infra/test.sh

cloud: ## start the local cloud on ports 4566 and 8883, deploy the stack, stay until Ctrl-C
	python3 infra/local/cloud.py up -- infra/local/deploy.sh

bench: ## measure the functions on the local cloud
	python3 infra/local/cloud.py run -- cargo bench --package tests

clean: ## remove everything that the other targets made
	rm -rf .aws-sam .venv target
