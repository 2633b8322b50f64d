# make help lists what there is.
PREFIX = /usr/local
DESTDIR =
PROGRAM = sqlite3-cloud-s3
BUILT = .build/release/$(PROGRAM)
VERSION = 0.1.0
EXTENSION = .build/sqlite3_cloud_s3.so
MANUAL = $(PREFIX)/share/man/man1/$(PROGRAM).1
BASH_COMPLETION = $(PREFIX)/share/bash-completion/completions/$(PROGRAM)
ZSH_COMPLETION = $(PREFIX)/share/zsh/vendor-completions/_$(PROGRAM)
FISH_COMPLETION = $(PREFIX)/share/fish/vendor_completions.d/$(PROGRAM).fish

.DEFAULT_GOAL := help
.PHONY: help run build release extension test test-all test-fresh lint format fuzz bench install uninstall deb generate clean check

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

run: release ## Set everything up, build, and open the shell on a mirrored demo.db
	@.ci/demo.sh

build: ## Build for debugging
	@.ci/setup.sh build
	swift build

release: ## Build for release
	@.ci/setup.sh build
	.ci/release.sh

extension: $(EXTENSION) ## Build the loadable extension for other programs

$(EXTENSION): Extension/sqlite3_cloud_s3.c
	@mkdir -p .build
	cc -O2 -Wall -Wextra -fPIC -shared -o $@ $<

test: ## Set everything up, build, and run the tests
	@.ci/setup.sh test
	swift build --build-tests
	swift test --skip-build --disable-xctest

test-all: ## Run the model of the protocol, and the tests with many more random rounds
	Tests/Protocol/run.sh
	SQLITE3_CLOUD_S3_TEST_ALL=1 $(MAKE) test

test-fresh: ## Run README's two commands in clean roots of Debian 13 and 12
	Tests/Fresh/run.sh trixie
	Tests/Fresh/run.sh bookworm

lint: ## Check form, file lengths, imports, and the language of documents and comments
	@.ci/setup.sh build
	.ci/lint.sh

format: ## Format all Swift files
	swift format --in-place --parallel -r Sources Tests Package.swift

fuzz: release ## Run 20000 scripts mutated from the golden cases, and each parser on 100000 inputs
	Tests/Fuzz/run.sh 1 20000
	Tests/Fuzz/parsers.sh 100000

bench: release ## Measure beside sqlite3 and Litestream, and print ratios
	Tests/Bench/run.sh

install: extension ## Install program, extension, manual page and completions into $(DESTDIR)$(PREFIX)
	@test -x $(BUILT) || $(MAKE) --no-print-directory release
	install -D -m 644 $(EXTENSION) $(DESTDIR)$(PREFIX)/lib/$(PROGRAM)/sqlite3_cloud_s3.so
	install -D -m 755 $(BUILT) $(DESTDIR)$(PREFIX)/bin/$(PROGRAM)
	install -D -m 644 Docs/$(PROGRAM).1 $(DESTDIR)$(MANUAL)
	install -D -m 644 Docs/Completions/$(PROGRAM).bash $(DESTDIR)$(BASH_COMPLETION)
	install -D -m 644 Docs/Completions/_$(PROGRAM) $(DESTDIR)$(ZSH_COMPLETION)
	install -D -m 644 Docs/Completions/$(PROGRAM).fish $(DESTDIR)$(FISH_COMPLETION)

uninstall: ## Remove what was installed
	rm -f $(DESTDIR)$(PREFIX)/bin/$(PROGRAM) $(DESTDIR)$(MANUAL) $(DESTDIR)$(BASH_COMPLETION)
	rm -rf $(DESTDIR)$(PREFIX)/lib/$(PROGRAM)
	rm -f $(DESTDIR)$(ZSH_COMPLETION) $(DESTDIR)$(FISH_COMPLETION)

deb: release ## Make a Debian package in .build/deb
	.ci/deb.sh $(VERSION)

generate: build ## Update completions and the manual page from the options
	.ci/generate.sh .build/debug/$(PROGRAM)

clean: ## Remove what was built; demo.db and its mirror stay
	rm -rf .build

check: lint test ## Lint and test
