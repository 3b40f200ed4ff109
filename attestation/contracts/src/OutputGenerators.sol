// SPDX-License-Identifier: Apache-2.0
// Written by attestation/contracts/generators.py. Do not edit.
pragma solidity 0.8.37;

/// @title The output generators: U_0 blinds, U_1..U_64 carry the cells. Nobody knows a relation between them.
library OutputGenerators {
    uint256 internal constant COUNT = 65;

    /// @dev Writes U_0..U_(count-1) to new memory; count <= COUNT. The result is for `generator` only.
    function load(uint256 count) internal pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            // In whole blocks, so that what is written below is reserved.
            mstore(0x40, add(table, mul(div(add(count, 7), 8), 0x200)))
            if gt(count, 0) {
                mstore(add(table, 0x0000), 0x15a23420cf95e4d60a5e2f6e8bf3be252696006cc77046a4f5fac2af8b019e74)
                mstore(add(table, 0x0020), 0x2b3bae4c26ca6d391ab59018a7016ad955d259ddc0b00827f0dbce83981170a4)
                mstore(add(table, 0x0040), 0x07d1b9b3e7c8977f30adeac6e6bd714f396549c82849298211fe8fe32167f033)
                mstore(add(table, 0x0060), 0x0dffcecc7e9ca90750facb49b1e00a1e4904267f9cdf7ddf4514b52ba871dccd)
                mstore(add(table, 0x0080), 0x2aa9c65f6aebe8c137591ea473e90a2fcdce3b169f3768cb98192c5993397b91)
                mstore(add(table, 0x00a0), 0x1702f688d7ace66f87728acebfa86604b8efd8d9d6d72d9cbba30b88aff01cae)
                mstore(add(table, 0x00c0), 0x15c63d0e095ff420fb00d821c38c0d0a7505b5518b065a7cb019a7177b7bfb05)
                mstore(add(table, 0x00e0), 0x0c769f8e09f146e6eb32dd26ba23c80f2bf4b1d8aac9a74e18f08b0236ce73c9)
                mstore(add(table, 0x0100), 0x03f958c42cc7350df4a0ae2ef6926df9cdf10b64909c82f34d56791d721cabba)
                mstore(add(table, 0x0120), 0x1750c558a2ba6c4bb24ae64ee1afd2b200d3cab8a7da408e26885c4aac875084)
                mstore(add(table, 0x0140), 0x28910abea727ccd4a985017ca52ca57824d6af0ea780d32bbfd072e87d00535e)
                mstore(add(table, 0x0160), 0x25c6641b31755c5e115c5b3b59281158496c8041c2591a601f2ffc26ab2a0171)
                mstore(add(table, 0x0180), 0x057ddbe65fa6a3a57e1e0c4f19b0221ea43f37f4f602f8d95f774a8872a0bfd2)
                mstore(add(table, 0x01a0), 0x17b44560baca7160a695e6ba0ef55cbe55a96a42a4733cde95e97fe059df7ac1)
                mstore(add(table, 0x01c0), 0x0c02bad0524f5f39a5fe6d23740ec3ae34909b0377737c202515522c00a3b783)
                mstore(add(table, 0x01e0), 0x1fd65ee41d0c5c13dd082c83dc6dc42e6bc52b28a0be519928f1efd4141e7c2f)
            }
            if gt(count, 8) {
                mstore(add(table, 0x0200), 0x2c5095f019c862a9b1d86a2bcda3633a16ee96053b112896c7b88acae15595d2)
                mstore(add(table, 0x0220), 0x18665ee736ca4035b12bbb7ebfa2156fe5cbf7fe9974151aa74875c9ea5473ca)
                mstore(add(table, 0x0240), 0x2c1d618ad67e7606f34dbdb9bd10112c6edaaf8a05100cd3df7788ce3c5f680e)
                mstore(add(table, 0x0260), 0x2463d01919e78cea574c96f59b2a9e111f821bf2b4b1eeef02c50bedc744aa63)
                mstore(add(table, 0x0280), 0x1cc93ef53be744517bfa3443f11deb35bbf38650eebbcb6f9d88a986e164dddc)
                mstore(add(table, 0x02a0), 0x1c4f20375274b241c30ed2ecb51e48705318c52376ac5dd7025618956acad60e)
                mstore(add(table, 0x02c0), 0x14f2991c019abcf8e8f5cc1225afa5b2c185fbed4cea37f25bd6c7420d240a90)
                mstore(add(table, 0x02e0), 0x099204f4f2544a95aa1f3e16393cfd0bb085af5c53ada24458309136772f1f45)
                mstore(add(table, 0x0300), 0x0bafb7fd2920ce22cf388ece7246f8c84c42c8e2cb2e240f776d56137d7a1d9b)
                mstore(add(table, 0x0320), 0x291acabc66ee0b677ed5e04cd2d37d74a883d0568240ecdfec2366e266ed1ef0)
                mstore(add(table, 0x0340), 0x09662fdbaf2853306192f392155e58095ed12c0d92f803cdcc16848a56e1196f)
                mstore(add(table, 0x0360), 0x1b601cf6a4b6f3d25a9c0c4117164b292561e17aba9006b6369dcb9683e2b5ac)
                mstore(add(table, 0x0380), 0x1e256cbf0bee6e250ae928121b916840ce1ab44a9f50344cb5f45840d6050263)
                mstore(add(table, 0x03a0), 0x2f0e089a7af6d16a88af86f8dec964e09720e84d9b9a7927efc8a5b5b3f144cd)
                mstore(add(table, 0x03c0), 0x1a508b57e98ed5b6210e1ed893b2ae965e61d2ff3ad66eb2229252baac7530c7)
                mstore(add(table, 0x03e0), 0x01d4da551e0a95620579fae7a3643177467c826c9211dee45e1b43e577536490)
            }
            if gt(count, 16) {
                mstore(add(table, 0x0400), 0x25bc9bb2bb76bbe1373dfe33f067ea715689fc5a042d8883584836cfa773fdef)
                mstore(add(table, 0x0420), 0x03b192a9e18a48d784a1b31429e86e84a061fde470d70930c1d47e7dec39a20d)
                mstore(add(table, 0x0440), 0x24f32a4dba5593b8f38bee85768bb74740f6fe8cb0af43806b2ff5c21b0fe2bc)
                mstore(add(table, 0x0460), 0x2fff3593e705a740382d45ce4b2cfe46c96d05430f488ab11a9cf480395f7941)
                mstore(add(table, 0x0480), 0x17d3f0892c19cef04c439b529bc4ade99c0df09a6adbd76c6bc3ca672425cdc6)
                mstore(add(table, 0x04a0), 0x1fff7e32ed336644fae7fe964ad30e0d9c63c2b8f6a9ee7855a1b3a76ea82c82)
                mstore(add(table, 0x04c0), 0x0e8ad36da30466c4e95457122c6f86cf92e3a7109514cfcbea14dc827ce41b8f)
                mstore(add(table, 0x04e0), 0x279804b4f017a879f91ec5285549e69291d6c2f0f1aeb1e0828177e3cc36ac07)
                mstore(add(table, 0x0500), 0x1b4dc650f74ec31944d97705d9f5d2126ca3918a329c75fa172eaa5b2f6aae52)
                mstore(add(table, 0x0520), 0x0b507a9237a04be025ee06143cf5efa80f8ef1fee97d35fa12875c99387cd7f2)
                mstore(add(table, 0x0540), 0x161394fd1e25a66714e9852a920853b74efeabfa518001046368936b4e085cba)
                mstore(add(table, 0x0560), 0x054873037bb156f1fb7d3da5ef0b2554465c3dff3e1d78cf741aa41ea179bc86)
                mstore(add(table, 0x0580), 0x0e155788a0cd732c52b26f1ad9e9e3177f51257fd1f7735ccbf7a8dc55fc66de)
                mstore(add(table, 0x05a0), 0x0dfccc7cdbfbf8a0235a8272d4a48d5d1b01121b3c59f61cc57e2e88a34ea8d2)
                mstore(add(table, 0x05c0), 0x0817490cb0d0f43823c176fae2f25d3fec9b932dc0336c9193ddf157c1fa90e6)
                mstore(add(table, 0x05e0), 0x1b83731c89cbd441c490d50562309c7f11fa4b10cc9f4ac1ae8263eca493f8f8)
            }
            if gt(count, 24) {
                mstore(add(table, 0x0600), 0x2787fd77c4ef9b153c62a75b3918d81a4781262d22fa3cd19bdbdb151f6d8bf9)
                mstore(add(table, 0x0620), 0x265a9181215b7707d123d77d85f6b8b54f19a81a321f13d84af6846f5c7679b0)
                mstore(add(table, 0x0640), 0x0d875d2091ed331e3d7806fe36476ccfdd487398d8e941a29d41e0ab20426c42)
                mstore(add(table, 0x0660), 0x1257849f610d95ca49eddece6b8beab6835d1426964e295e217a0ca831317e8d)
                mstore(add(table, 0x0680), 0x19f19dd82dda4d2af0d80ed6ba13795453103a8a9626b3ca4160bdf7a93c4a00)
                mstore(add(table, 0x06a0), 0x2c9b052d032e8f72141519f0776ceeee28db57cddb5d3c46162c54808274c9c9)
                mstore(add(table, 0x06c0), 0x23ccf5e3f28f86e9e8ed5175897e6719d2376ac94dc6e4a478c72b51f7c9e69e)
                mstore(add(table, 0x06e0), 0x20a823e4baa01818e0d7655d672b80d232a6f9a484e718eb7444172510add606)
                mstore(add(table, 0x0700), 0x1efb31b625512f41ffdd5a0cad0f1c490f96c7964d0aebc9d15e844c83e3269d)
                mstore(add(table, 0x0720), 0x101200260a7ec5bc55d42d597439cf03b0a9b64390d0762054bf775f4e0b40f7)
                mstore(add(table, 0x0740), 0x240cade669e1b5cdaf118d023fdc87cd19816fd21ccef745ce44820ab24bf61d)
                mstore(add(table, 0x0760), 0x0d17d133b2b65d5dec0d62c45da3bdcc32819d9191b702dc6741aac795b6edc8)
                mstore(add(table, 0x0780), 0x08b1876cef0c0c6ca75994046e50a99f4252a2adbf74bf0d23c9b290f04c99d1)
                mstore(add(table, 0x07a0), 0x22d0bffc3a35695b75f901c78a80ccc6f762e4f8b87d82d2f37608c078e5a113)
                mstore(add(table, 0x07c0), 0x07c1356fa0b78d83e76d457cb7644d455f34e326dba3124701ede54a34f70eb3)
                mstore(add(table, 0x07e0), 0x17dba2ea14b14341fd93dbf852bb47a1cbb407559ceef6212c3288a21c4389d1)
            }
            if gt(count, 32) {
                mstore(add(table, 0x0800), 0x01be71b0355ff739481cb3fb7b10045451f3907dd6c28b43e36c376e7ce520df)
                mstore(add(table, 0x0820), 0x10ba10dab91a7d690b42eea02b2c39b89b39cbb4712ae0c34e060c7d4e18d440)
                mstore(add(table, 0x0840), 0x19b551dc6853802145aed1cdc08911f5ce73e0ee98279987dc59d27387485931)
                mstore(add(table, 0x0860), 0x24155603fded9473fa332b0ee49f77151417e9f60c8dd7e6deceb56d1e4e2e60)
                mstore(add(table, 0x0880), 0x1729929394d48a9fb44ccb57d267209c50da5ac3a81e58e1d7ffbd4dc12e729c)
                mstore(add(table, 0x08a0), 0x2578cb6ef37663bd9265b9aa193a07ceb1b9d5836feb29bba21e1ba267766f80)
                mstore(add(table, 0x08c0), 0x12895c998b42ad9c6212ddc3d43ddba8b659cd48d23616857b2907ea64df45f1)
                mstore(add(table, 0x08e0), 0x14311081e8a5c9c9c2caa0b9c7fd4885ec70d0f81e8d338b47fc9324f5165584)
                mstore(add(table, 0x0900), 0x28b4e31a5c5fb2d4d6eb1f1d8841014b0ccab0468ec613ae7f5293de2252e7cf)
                mstore(add(table, 0x0920), 0x0a2b3d0add51f36a9e808a26126d67ee45fe9b4fbc8600b77f73e22c5abdff4a)
                mstore(add(table, 0x0940), 0x1d8df9b588167fa1158ffa773eaea81cda5771895e89050dd2a412018833dc6a)
                mstore(add(table, 0x0960), 0x0363898f14c10e21de4521ffefa6dc5f3ca431d93b1dd2e22865169928f97383)
                mstore(add(table, 0x0980), 0x1c82e3aeb93206146ad9e80f0a19707b284ccd2cb93254213237bc38b4985a0b)
                mstore(add(table, 0x09a0), 0x26b4161363c029b3846bf60849dbb09cfa9f6fa060eefc60aebacf4fa9475f70)
                mstore(add(table, 0x09c0), 0x24f5d25321d22a906e9ecb3c937c7c36b822b481b9edaa37c266e60ebf7cbe41)
                mstore(add(table, 0x09e0), 0x040db633d8044036b680d2fd192c2823c0adf9f6fe920ee9c92a097d1e931ed4)
            }
            if gt(count, 40) {
                mstore(add(table, 0x0a00), 0x0c25fe29bd93ff125c89afd9f2fc2c16e28b6db4c62c0ed9a024eac3e94f363f)
                mstore(add(table, 0x0a20), 0x161b8553073c7dc03c7d9b5225d47d784328aa9ed450ea9603447dfadef28c9e)
                mstore(add(table, 0x0a40), 0x02fb7c8681216ba25a94297bee2f94697c31fad365ef19eaa0237c8b4e70b31c)
                mstore(add(table, 0x0a60), 0x04fbcf613eb9baa35cd89dd77c770337a66204971249ce1f9ae11dd31bd5396b)
                mstore(add(table, 0x0a80), 0x2f737599bb5c29ed7383ace66421b85c092b600160cc8021388c401e644ef531)
                mstore(add(table, 0x0aa0), 0x11c65738c8817d0c341524f01bc5e6a7cce9006fa539e2f26f31700e4df08729)
                mstore(add(table, 0x0ac0), 0x147468e3f82e9366a3ade296c2fa2d14204950d6f9020579a6e3c81f436afed4)
                mstore(add(table, 0x0ae0), 0x0388000fb7f22b1d0c99901c8bbb4d28ed0b0dd4cdd7ee3bce99c6c0f9ffd46e)
                mstore(add(table, 0x0b00), 0x0683343943e33c1c70b335169e73c992954446b3db03531b96f3ac7075e643ac)
                mstore(add(table, 0x0b20), 0x0bd246a9c7b7976426bc33ea1de83c837304c7e975a8e9c08ac7a73b46e26750)
                mstore(add(table, 0x0b40), 0x256226150566abdbb81c0fc9e843e36e116859959f20e9386a93ccbe28fe92fc)
                mstore(add(table, 0x0b60), 0x2c255c4e29c66decd6f0009f20a1594e0c3e00155d506593267277bc3844b7ed)
                mstore(add(table, 0x0b80), 0x07dd3ccb406416b25c374a9c87b1d4a876dd9c8db3426d5b420b26e67c0c923e)
                mstore(add(table, 0x0ba0), 0x21cc37b32cf01f0bc661619b64371ecbe77d36bb559ff50cd4c971856796d0a3)
                mstore(add(table, 0x0bc0), 0x1f26ca5ef67654fdb02f0f7f81f2fe6c02a069b07715d1a14782145e991fddd3)
                mstore(add(table, 0x0be0), 0x145d2362efeff4594f857d78184aa4c70385d42cf9830620bf5d2af5a092d316)
            }
            if gt(count, 48) {
                mstore(add(table, 0x0c00), 0x1ab1f6ffa77a1cc85999958cd9e6c27ffb453a01b37b73a381279f4e90291b77)
                mstore(add(table, 0x0c20), 0x12f0ef9bcaa023b4491e6ebf73e633b37abe876ecd83f1a55b58f576c6e0269f)
                mstore(add(table, 0x0c40), 0x20b3c940efa379e85783f65828b1985f2b6af8fadbe08789c389bf36d773ab23)
                mstore(add(table, 0x0c60), 0x05199fe6615e463384fece2c63df2500738e1fb8cbf9c192122b4062c8a59412)
                mstore(add(table, 0x0c80), 0x22fdde2a9358428252fd4e4a4afb06e24025ef9bfa66f6720221d3bf1c056684)
                mstore(add(table, 0x0ca0), 0x1708aa87d03e7fb5635d8104389ba2f2527ae6abb370ef676592f9d7b9747186)
                mstore(add(table, 0x0cc0), 0x116427894ca6cf1912c676ff7fa6c09420371d34a10ddbe2620b41a6268cd483)
                mstore(add(table, 0x0ce0), 0x25e624c043b6705575f882ed1ce863980d3e188e658bc7486f4cc7a47e4f52e6)
                mstore(add(table, 0x0d00), 0x1184418777a8a76329ca86a294f9471c90a4771538a36edcf9ee099f81fdb0c7)
                mstore(add(table, 0x0d20), 0x0cae0c6f8e3b0dbd3f68bf2fc6b1955affa1db64a186894434148c3e3e2e7173)
                mstore(add(table, 0x0d40), 0x14006ec23304099bfdccd4cc0c315440e357582dc8c9f6e74c2b4cf3b29a2051)
                mstore(add(table, 0x0d60), 0x287036f206fe3a59beb4975cb8fb5d853052491b6863bec9da801458731e485f)
                mstore(add(table, 0x0d80), 0x276c49a95ba1277806e3a7ed0c066908c78640dbebaf201c3c7328545cffda8a)
                mstore(add(table, 0x0da0), 0x1d2e90ce02f7e150c064e6300504f326395302222d591945caf997e5a3bd5dbf)
                mstore(add(table, 0x0dc0), 0x3009c2f49c705d7eeb71b74113f26f3e13011f968afd42f5a7609ea06d88b383)
                mstore(add(table, 0x0de0), 0x1c2ded4ec85eb1713e86f4963d95dc8364e1da2fe07ef32d057c2ffc3774e413)
            }
            if gt(count, 56) {
                mstore(add(table, 0x0e00), 0x25a570f92429c02e11d107081add6d1d5a523df0a2a9ee9e6e7e7249c1f9ccbd)
                mstore(add(table, 0x0e20), 0x23555bc0c4a351a0693270508aa5aa552f4e86af7f9373bca87bf9651e8bb220)
                mstore(add(table, 0x0e40), 0x0557131515f1a191f861a70dd0c66f9602cbebd820bd126817679c957470f799)
                mstore(add(table, 0x0e60), 0x08c356be3fa5b4834dbfd33c30a373069f8ba0efa43144c8c0a0de4aa1134d79)
                mstore(add(table, 0x0e80), 0x1e827253c70f35787e1dc318ccaa1764beb380c7f7761f8d55e3973d3090b908)
                mstore(add(table, 0x0ea0), 0x1952d4a3902cd3f263c6438faa73aaafc6789639dcb19fdedec7cf6aeed82d2a)
                mstore(add(table, 0x0ec0), 0x080328ef91547fa696eb50126075f8e10bf352ef337df7f774cc67ffbe620bc5)
                mstore(add(table, 0x0ee0), 0x06a7d0f90e74330fc115e0d78fdcaeb2475fef66eeb4043d5331fa006831078b)
                mstore(add(table, 0x0f00), 0x1f2b91f0317040b5fd443684a90451de7122cf485ebc6d852cdbf8abf110c6f2)
                mstore(add(table, 0x0f20), 0x2686662359988e4d8ece649bd7075c29eb4702bd4d6e6d602ba1c3ffb413030b)
                mstore(add(table, 0x0f40), 0x01bdfa370afc9d15604fab0c7c45917bd82cf19e2f2e65217a8e953d172e9038)
                mstore(add(table, 0x0f60), 0x0c3f7176cfa50fe99c2ff1e5849560bd1a65ebd978f79eabc74d1437c59b5f35)
                mstore(add(table, 0x0f80), 0x128a85db3a95936dc58089d94a8974e05a18208833584e160eb09889146cae38)
                mstore(add(table, 0x0fa0), 0x2a8b68646b03f1fc92520a82a9552d45184663c54e5969f73ea53acc73c15654)
                mstore(add(table, 0x0fc0), 0x1df555fb163d4372cc6a27d2c1b1ea82f15b7c2f1cc128633db56ded6be42f26)
                mstore(add(table, 0x0fe0), 0x2f2a2301c189909591e7251bdf7770cf3c5bedaaab4fd7f0f66a648cc825e5fb)
            }
            if gt(count, 64) {
                mstore(add(table, 0x1000), 0x29a9b9b9002e4465d29b0627a682da0c648da0d5bfbee0efbe44450bac701a5f)
                mstore(add(table, 0x1020), 0x19e24fa49923c09506b56eeb5771845bd7eef6dbeb58c45c1b76aaa2516c47ce)
            }
        }
    }

    /// @dev U_index; index is below the count that `load` was called with.
    function generator(uint256 table, uint256 index) internal pure returns (uint256 x, uint256 y) {
        assembly ("memory-safe") {
            let point := add(table, shl(6, index))
            x := mload(point)
            y := mload(add(point, 0x20))
        }
    }
}
