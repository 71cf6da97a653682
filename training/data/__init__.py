"""What is learnt from and measured on: phantoms, calcium put into real films, and data sets of real mammograms.

Importing the package reads no data set: those know DICOM, which a machine that only trains need not have.
"""
