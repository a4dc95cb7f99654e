"""Kernelised attention: Based, ReBased and their rivals on one causal layer.

The second paper among this project's sources: Aksenov et al., *Linear Transformers with
Learnable Kernel Functions are Better In-Context Models*, arXiv 2402.10644; with the kernel
and the recall task that it builds on, Arora et al., *Simple Linear Attention Language Models
Balance the Recall-Throughput Tradeoff* (Based) and *Zoology* (MQAR).
"""
