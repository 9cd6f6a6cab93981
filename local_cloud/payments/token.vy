# pragma version ^0.4.3
"""
@title A token that is paid by signature (ERC-20, EIP-3009, EIP-712)
@notice Stands in for a stablecoin of six decimals on a chain of this machine alone; its minter makes any amount.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    amount: uint256

event AuthorizationUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

event AuthorizationCanceled:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

name: public(constant(String[8])) = "USD Coin"
symbol: public(constant(String[4])) = "USDC"
version: public(constant(String[1])) = "2"
decimals: public(constant(uint8)) = 6

_DOMAIN: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_TRANSFER: constant(bytes32) = keccak256(
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
_CANCEL: constant(bytes32) = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)")

# A signature and its mirror image say the same; only the lower half of the curve's order counts (EIP-2).
_S_MAX: constant(bytes32) = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
authorizationState: public(HashMap[address, HashMap[bytes32, bool]])
totalSupply: public(uint256)
minter: public(immutable(address))


@deploy
def __init__():
    minter = msg.sender


@view
@internal
def _separator() -> bytes32:
    return keccak256(abi_encode(_DOMAIN, keccak256(name), keccak256(version), chain.id, self))


@view
@external
def DOMAIN_SEPARATOR() -> bytes32:
    return self._separator()


@internal
def _move(sender: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "ERC20: transfer to the zero address"
    assert self.balanceOf[sender] >= amount, "ERC20: transfer amount exceeds balance"
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, amount=amount)


@view
@internal
def _check(signer: address, message: bytes32, v: uint8, r: bytes32, s: bytes32):
    assert convert(s, uint256) <= convert(_S_MAX, uint256), "ECRecover: invalid signature 's' value"
    signed: address = ecrecover(keccak256(concat(x"1901", self._separator(), message)), v, r, s)
    assert signed != empty(address) and signed == signer, "EIP3009: invalid signature"


@external
def mint(receiver: address, amount: uint256):
    assert msg.sender == minter, "only the minter makes tokens"
    self.balanceOf[receiver] += amount
    self.totalSupply += amount
    log Transfer(sender=empty(address), receiver=receiver, amount=amount)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, amount=amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    assert self.allowance[sender][msg.sender] >= amount, "ERC20: insufficient allowance"
    self.allowance[sender][msg.sender] -= amount
    self._move(sender, receiver, amount)
    return True


@external
def transferWithAuthorization(
    sender: address,
    receiver: address,
    amount: uint256,
    validAfter: uint256,
    validBefore: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    assert block.timestamp > validAfter, "EIP3009: authorization is not yet valid"
    assert block.timestamp < validBefore, "EIP3009: authorization is expired"
    assert not self.authorizationState[sender][nonce], "EIP3009: authorization is used or canceled"
    message: bytes32 = keccak256(
        abi_encode(_TRANSFER, sender, receiver, amount, validAfter, validBefore, nonce)
    )
    self._check(sender, message, v, r, s)
    self.authorizationState[sender][nonce] = True
    log AuthorizationUsed(authorizer=sender, nonce=nonce)
    self._move(sender, receiver, amount)


@external
def cancelAuthorization(authorizer: address, nonce: bytes32, v: uint8, r: bytes32, s: bytes32):
    assert not self.authorizationState[authorizer][nonce], "EIP3009: authorization is used or canceled"
    self._check(authorizer, keccak256(abi_encode(_CANCEL, authorizer, nonce)), v, r, s)
    self.authorizationState[authorizer][nonce] = True
    log AuthorizationCanceled(authorizer=authorizer, nonce=nonce)
