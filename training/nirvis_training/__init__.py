"""Networks that see visible colour in near infrared: train, evaluate, export, run."""
