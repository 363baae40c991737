# Every target is a small script in scripts/; `make help` lists them.
.PHONY: help demo test torture install psql bench demo-data clean

help:
	@echo 'make demo       install what is missing, build, load thirty years of browser history, answer questions'
	@echo 'make test       the same set-up, then every test'
	@echo 'make torture    the random tests, at length; N=0.1 for a tenth of it'
	@echo 'make psql       open psql on the demo'
	@echo 'make install    install the extension into the PostgreSQL of PG_CONFIG (default: Debian 15)'
	@echo 'make bench      compare with plain PostgreSQL; N=1000000 entities'
	@echo 'make demo-data  build the demo data anew from its npm package'
	@echo 'make clean      stop the private clusters and remove everything built'

demo test torture install psql bench demo-data clean:
	@scripts/$@
