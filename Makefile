# make help lists what there is.
PREFIX = /usr/local
DESTDIR =
PROGRAM = sqlite3-cloud-s3
BUILT = .build/release/$(PROGRAM)

.DEFAULT_GOAL := help
.PHONY: help run build release test test-all lint format fuzz bench install uninstall clean check

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

run: release ## Set everything up, build, and open the shell on a mirrored demo.db
	@.ci/demo.sh

build: ## Build for debugging
	@.ci/setup.sh build
	swift build

release: ## Build as it is installed
	@.ci/setup.sh build
	.ci/release.sh

test: ## Set everything up, build, and run the tests
	@.ci/setup.sh test
	swift build --build-tests
	swift test --skip-build --disable-xctest

test-all: ## Run the tests with many more rounds of those that are random
	SQLITE3_CLOUD_S3_TEST_ALL=1 $(MAKE) test

lint: ## Check form, file lengths and imports
	@.ci/setup.sh build
	.ci/lint.sh

format: ## Put all Swift files into form
	swift format --in-place --parallel -r Sources Tests Package.swift

fuzz: release ## Run 20000 scripts mutated from the golden cases
	Tests/Fuzz/run.sh 1 20000

bench: release ## Measure against sqlite3 and print ratios
	Tests/Bench/run.sh

install: ## Install into $(DESTDIR)$(PREFIX)/bin
	@test -x $(BUILT) || $(MAKE) --no-print-directory release
	install -D -m 755 $(BUILT) $(DESTDIR)$(PREFIX)/bin/$(PROGRAM)

uninstall: ## Remove what was installed
	rm -f $(DESTDIR)$(PREFIX)/bin/$(PROGRAM)

clean: ## Remove what was built; demo.db and its mirror stay
	rm -rf .build

check: lint test ## Lint and test
