-- What every process of the deployment knows and nobody else, where DEPLOYMENT_SECRET does not give it: two random uuids have 244 random bits.
ALTER TABLE deployment
  ADD COLUMN secret bytea NOT NULL DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
