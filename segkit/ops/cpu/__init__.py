"""Faster equivalents of single torch operations on a CPU.

Each function keeps the plain torch line beside the fast one; other devices run the plain line. Each states what it
gains: the median ratio of fast to plain time, measured in pairs with one thread on an AMD EPYC of the Zen 4 generation
with torch 2.14, unless it says otherwise.
"""
