"""Train MTU-Net and measure it. Needs torch, numpy, opencv and scipy; never imports pages."""
