"""Quality classifiers: trained on labelled documents, calibrated on what they were not trained on, ensembled."""
