# The common tasks. `make test` and `make demo` are all that a newcomer needs.

GO ?= go
# Tools by version, so that everybody's lint says the same. They are no dependencies of the program.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
FREEZE := github.com/charmbracelet/freeze@v0.2.2

.PHONY: demo test deps lint vuln bench fuzz soak screenshot build

demo: ## play a webhook burst against an embedded Redis and watch it
	$(GO) run . demo

build: ## build ./locktop
	$(GO) build -o locktop .

test: deps ## run every test, with the race detector; then the explorer's full bounds without it
	$(GO) test -race -timeout 12m ./...
	$(GO) test -v -timeout 12m -run TestNoOrderOfEventsBreaksARule ./lockcore/explore

# Tests use a real redis-server; LOCKTOP_TEST_SERVER names another one, Valkey's for example.
deps: ## install redis-server, libfaketime and node with the npm clients that tests use, where they are missing
	@command -v $${LOCKTOP_TEST_SERVER:-redis-server} >/dev/null 2>&1 || { \
		echo "installing redis-server, which the tests need"; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		if command -v apt-get >/dev/null; then $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq redis-server; \
		elif command -v dnf >/dev/null; then $$sudo dnf install -y redis; \
		elif command -v apk >/dev/null; then $$sudo apk add redis; \
		elif command -v brew >/dev/null; then brew install redis; \
		else echo "install redis-server 6.2 or newer, then run make test again" >&2; exit 1; fi; }
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib/faketime/libfaketimeMT.so.1 /usr/lib64/faketime/libfaketimeMT.so.1 \
			/usr/local/lib/faketime/libfaketimeMT.so.1 2>/dev/null | grep -q . || { \
		echo "installing libfaketime, which the tests that set a server's clock need"; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		if command -v apt-get >/dev/null; then $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq faketime; \
		elif command -v dnf >/dev/null; then $$sudo dnf install -y libfaketime; \
		elif command -v apk >/dev/null; then $$sudo apk add libfaketime; \
		else echo "libfaketime works on Linux only here: the tests that set a server's clock will fail" >&2; fi; }
	@command -v npm >/dev/null 2>&1 || { \
		echo "installing node and npm, which the tests with real npm clients need"; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		if command -v apt-get >/dev/null; then $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq nodejs npm; \
		elif command -v dnf >/dev/null; then $$sudo dnf install -y nodejs npm; \
		elif command -v apk >/dev/null; then $$sudo apk add nodejs npm; \
		elif command -v brew >/dev/null; then brew install node; \
		else echo "install node 18 or newer with npm, then run make test again" >&2; exit 1; fi; }
	@[ testdata/npm/node_modules/.package-lock.json -nt testdata/npm/package-lock.json ] || \
		npm ci --prefix testdata/npm --ignore-scripts --no-audit --no-fund

lint: ## gofmt, go vet, staticcheck, and govulncheck where its database can be reached
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted" >&2; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@$(MAKE) --no-print-directory vuln

vuln: # a database that cannot be reached is told and does not fail; a vulnerability does
	@out=$$($(GO) run $(GOVULNCHECK) ./... 2>&1); code=$$?; \
	case "$$code:$$out" in \
	0:*) echo "govulncheck: nothing found";; \
	*"fetching vulnerabilities"*|*"dial tcp"*) echo "govulncheck: its database cannot be reached from here, so nothing was checked";; \
	*) echo "$$out"; exit 1;; esac

SOAK_ROUNDS ?= 100
SOAK_OPERATIONS ?= 10000
soak: deps ## the churn under faults in its long form; LOCKTOP_CHURN_SEED plays one again
	LOCKTOP_CHURN_ROUNDS=$(SOAK_ROUNDS) LOCKTOP_CHURN_OPERATIONS=$(SOAK_OPERATIONS) \
		$(GO) test -race -v -count=1 -timeout 0 -parallel 2 -run TestAfterAnyChurnUnderFaults ./watcher/keyspace

bench: deps ## measure, beside baselines of the same run
	$(GO) test -run '^$$' -bench . -benchmem ./...
	cd testdata/peers && $(GO) test -run '^$$' -bench . -benchtime 100x

FUZZTIME ?= 20s
fuzz: ## fuzz everything that reads bytes from outside
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; done

screenshot: build ## draw the README's picture from the real screen (needs tmux)
	@tmux -L locktop-shot kill-server 2>/dev/null || true
	@tmux -L locktop-shot -f /dev/null new-session -d -x 112 -y 38 \
		'TERM=tmux-256color COLORTERM=truecolor ./locktop demo'
	@sleep 2; tmux -L locktop-shot capture-pane -e -p > screenshot.out
	@tmux -L locktop-shot kill-server
	@$(GO) run $(FREEZE) --language ansi --font.family monospace --padding 16 --background '#14161b' \
		-o screenshot.svg.out screenshot.out >/dev/null 2>&1 || true
	@mv screenshot.svg.out testdata/dashboard.svg; rm -f screenshot.out
	@echo "drawn: testdata/dashboard.svg"
