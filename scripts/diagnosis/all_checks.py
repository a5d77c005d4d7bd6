"""All checks of the doctor, each after those that it needs."""

from scripts.diagnosis.brokers import CHECK as BROKERS
from scripts.diagnosis.brokers import check_brokers
from scripts.diagnosis.certificates import CHECK as CERTIFICATES
from scripts.diagnosis.certificates import check_certificates
from scripts.diagnosis.checking import PROCESSES, WORKER, Check
from scripts.diagnosis.cluster import (
    ADDRESSES,
    CLOCK,
    RIGHTS,
    TOPICS,
    VERSION,
    check_addresses,
    check_clock,
    check_rights,
    check_topics,
    check_version,
)
from scripts.diagnosis.key_store import CHECK as KEY_STORE
from scripts.diagnosis.key_store import KEYS_CHECK, check_data_keys, check_key_store
from scripts.diagnosis.machine import (
    DECODERS,
    ENDPOINT,
    FILES,
    MEMORY,
    PROCESSORS,
    STATE,
    check_decoders,
    check_endpoint,
    check_memory,
    check_open_files,
    check_processors,
    check_state,
)
from scripts.diagnosis.settings import (
    API_KEYS,
    SECRETS,
    SETTINGS,
    TOKEN_KEYS,
    check_api_keys,
    check_secret_files,
    check_settings,
    check_token_keys,
)
from scripts.diagnosis.stores import CHECK as STORES
from scripts.diagnosis.stores import check_stores

CHECKS = (
    Check(SETTINGS, check_settings),
    Check(SECRETS, check_secret_files, (SETTINGS,)),
    Check(API_KEYS, check_api_keys, (SETTINGS,), roles=PROCESSES),
    Check(TOKEN_KEYS, check_token_keys, (SETTINGS,), roles=PROCESSES),
    Check(CERTIFICATES, check_certificates, (SETTINGS,)),
    Check(STATE, check_state, (SETTINGS,), roles=PROCESSES),
    Check(FILES, check_open_files, roles=(WORKER,)),
    Check(MEMORY, check_memory, (SETTINGS,), roles=(WORKER,)),
    Check(PROCESSORS, check_processors, roles=(WORKER,)),
    Check(DECODERS, check_decoders, (SETTINGS,), roles=PROCESSES),
    Check(ENDPOINT, check_endpoint, (SETTINGS,), roles=PROCESSES),
    Check(STORES, check_stores, (SETTINGS,), roles=PROCESSES),
    Check(KEY_STORE, check_key_store, (SETTINGS,)),
    Check(BROKERS, check_brokers, (SETTINGS,)),
    Check(VERSION, check_version, (SETTINGS, BROKERS)),
    Check(ADDRESSES, check_addresses, (SETTINGS, BROKERS)),
    Check(CLOCK, check_clock, (SETTINGS, BROKERS)),
    Check(TOPICS, check_topics, (SETTINGS, BROKERS)),
    Check(RIGHTS, check_rights, (SETTINGS, BROKERS)),
    Check(KEYS_CHECK, check_data_keys, (SETTINGS, KEY_STORE, BROKERS, TOPICS, RIGHTS)),
)
