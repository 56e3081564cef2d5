"""The kernel of arcmill: records, config, datasets, ledger, stages and the engines that run them."""
